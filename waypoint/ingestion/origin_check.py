"""What a run is over: what it was told, held against what earlier runs of the collection were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from waypoint.errors import CollectionMismatchError, UsageError
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.single_files import root_of_files, sources_below
from waypoint.settings import Settings
from waypoint.sources.kinds import kind_of
from waypoint.sources.names import printable_name
from waypoint.sources.origin import (
    CHOICES,
    Choice,
    Origin,
    as_option,
    changed_choices,
    root_name_problem,
)
from waypoint.sources.port import Root


@dataclass(frozen=True, slots=True)
class SettledOrigin:
    """What a run is over, and how it is walked."""

    origin: Origin
    """To be kept with the collection."""
    roots: tuple[Root, ...]
    """The folders of this run, each with what earlier runs were told where this one was not."""
    notices: tuple[str, ...] = ()


def origin_of(settings: Settings) -> Origin:
    """The folder and the choices of the settings alone."""
    root, host_root = kind_of(settings.knowledge_base_path).identity(settings)
    choices = changed_choices({name: getattr(settings, name) for name in CHOICES})
    return Origin(root, host_root, None, choices)


def with_choices(settings: Settings, origin: Origin) -> Settings:
    """The settings with the choices of ``origin`` in place of their own."""
    return settings.model_copy(update={**CHOICES, **origin.choices})


def given_folders(settings: Settings, options: IngestOptions) -> list[Settings]:
    """The settings of each folder that a run is given.

    Raises:
        UsageError: the name given for the folder can be none, or is for several.
    """
    if options.root_name is not None:
        if options.further_paths:
            raise UsageError(
                f"--as {options.root_name!r} is the name of one folder, and several are given",
                hint="ingest the folder that is to have this name by a run of its own",
            )
        _check_name(options.root_name)
    paths = [settings.knowledge_base_path, *options.further_paths]
    return [settings.model_copy(update={"knowledge_base_path": path}) for path in paths]


def recorded_roots(settings: Settings, recorded: Origin) -> tuple[Root, ...]:
    """All folders of a collection: the first as ``settings`` have it, others where they were."""
    roots = [Root("", with_choices(settings, recorded), recorded.categories)]
    for name, origin in recorded.further.items():
        there = settings.model_copy(update={"knowledge_base_path": Path(origin.root)})
        roots.append(Root(name, with_choices(there, origin), origin.categories))
    return tuple(roots)


def settle(
    settings: Settings, options: IngestOptions, name: str, recorded: Origin | None, *, empty: bool
) -> SettledOrigin:
    """Decide what a run into the collection ``name`` is over.

    ``recorded``: what earlier runs of it were over, None if that isn't known. ``empty``: it
    holds nothing, so that its folder may be any.

    Raises:
        CollectionMismatchError: another folder than those of the collection's documents, or
            other choices for one category than for the rest.
        UsageError: two of the folders have one name.
    """
    recorded = options.repaired or recorded
    fresh = options.clear or empty
    before = None if options.clear and recorded is None else recorded
    roots: list[Root] = []
    notices: list[str] = []
    first: Origin | None = None
    further = {} if recorded is None or options.clear else dict(recorded.further)
    known_root = None if fresh else root_of_files(options.files, before)
    if options.files and known_root is not None:
        settings = settings.model_copy(update={"knowledge_base_path": known_root})
    for number, folder in enumerate(given_folders(settings, options)):
        now = origin_of(folder)
        root = _root_name(now, options, before, number, fresh=fresh and first is None)
        if any(root == other.name for other in roots):
            raise UsageError(
                f"two of the folders would have the name {root!r}: {now} is the second",
                hint="ingest it by a run of its own, with a name: --as NAME",
            )
        if options.root_name and not root:
            notices.append(
                f"{now} is the first folder of collection {name!r}, which has no name: "
                f"--as {options.root_name} says nothing of it"
            )
        known = before if not root else before and before.further.get(root)
        theirs = replace(known, further={}) if known else None
        is_new = fresh or bool(root and not known)
        one = _settle_root(folder, options, name, theirs, now, fresh=is_new)
        roots.append(one.root(root, options.files))
        notices += one.notices
        if root:
            further[root] = one.origin
        else:
            first = one.origin
    if first is None:
        assert before is not None  # else the first of them has no name
        first = before
    origin = replace(first, further=further)
    if options.repaired is not None:
        roots = [roots[0], *recorded_roots(settings, options.repaired)[1:]]
    return SettledOrigin(origin, tuple(roots), tuple(notices))


def _root_name(
    now: Origin, options: IngestOptions, recorded: Origin | None, number: int, *, fresh: bool
) -> str:
    """
    Raises:
        CollectionMismatchError: the folder has another name already.
    """
    known = None if recorded is None else recorded.name_of(now)
    if known is not None and not (options.clear and known):
        if known and options.root_name not in (None, known):
            raise CollectionMismatchError(
                f"{now} is in the collection already, as {known!r}",
                hint=f"leave --as away, or give --as {known}",
            )
        return known
    if fresh and not number:
        return ""
    if options.root_name is not None:
        return options.root_name
    if not number:
        return ""
    own = Path(now.host_root or now.root).name
    _check_name(own)
    return own


def _check_name(name: str) -> None:
    if problem := root_name_problem(name):
        raise UsageError(
            f"{name!r} cannot be the name of a collection's folder: {problem}",
            hint="ingest it by a run of its own, with another name: --as NAME",
        )


@dataclass(frozen=True, slots=True)
class _OneRoot:
    origin: Origin
    settings: Settings
    only: frozenset[str] | None
    notices: tuple[str, ...]

    def root(self, name: str, files: Sequence[Path]) -> Root:
        sources = sources_below(self.settings.knowledge_base_path, files) if files else None
        return Root(name, self.settings, self.only, sources)


def _settle_root(
    settings: Settings,
    options: IngestOptions,
    name: str,
    recorded: Origin | None,
    now: Origin,
    *,
    fresh: bool,
) -> _OneRoot:
    notices: list[str] = []
    if recorded is None:
        if not fresh:
            notices.append(
                f"the folder that collection {name!r} was made from is not known: "
                f"{now} is taken for it"
            )
    elif not now.same_root(recorded):
        if fresh:
            recorded = None
        elif not options.root_moved:
            raise _another_root(name, recorded, now)
        else:
            notices.append(f"the folder of collection {name!r} was {recorded}, and now is {now}")
    given: Mapping[str, Choice] = {}
    if options.repaired is None:
        set_by_user = settings.model_fields_set.intersection(CHOICES)
        given = {key: getattr(settings, key) for key in set_by_user}
    before = recorded.choices if recorded else {}
    choices = changed_choices({**before, **given})
    if recorded is not None:
        notices += _told(before, given)
        if options.files and not fresh and choices != before:
            raise UsageError(
                f"collection {name!r} was ingested with other choices, and a run of single files "
                "changes none",
                hint="leave these options away, or give them to a run over the folder",
            )
        if options.category and not fresh and choices != before:
            _refuse_other_choices(options.category, recorded, choices)
    categories = _categories(options, recorded, fresh=fresh)
    if categories is None and recorded is not None and recorded.categories and not fresh:
        names = ", ".join(map(printable_name, sorted(recorded.categories)))
        notices.append(f"earlier runs were of {names} alone: this one is of the whole folder")
    origin = Origin(now.root, now.host_root, categories, choices)
    only = categories if options.repaired else None
    return _OneRoot(origin, with_choices(settings, origin), only, tuple(notices))


def compared_with(settings: Settings, recorded: Origin) -> Iterator[str]:
    """What a person should know who has a collection compared with the folder of ``settings``."""
    now = origin_of(settings)
    if not now.same_root(recorded):
        first = replace(recorded, further={})
        yield f"it holds the documents of {first}, and is compared with {now}"
    if told := recorded.options():
        yield f"as it was ingested: {told}"
    for name in settings.model_fields_set.intersection(CHOICES):
        if (value := getattr(settings, name)) != recorded.choices.get(name, CHOICES[name]):
            yield f"{as_option(name, value)}, of the settings, holds from the next ingestion on"


def _categories(
    options: IngestOptions, recorded: Origin | None, *, fresh: bool
) -> frozenset[str] | None:
    """The top folders that are ingested once this run is done; None for the whole folder."""
    if options.repaired is not None:
        return options.repaired.categories
    if options.files and recorded is not None and not fresh:
        return recorded.categories
    if options.category is None:
        return None
    if recorded is None or options.clear:
        return frozenset({options.category}) if fresh else None
    return None if recorded.categories is None else recorded.categories | {options.category}


def _another_root(name: str, recorded: Origin, now: Origin) -> CollectionMismatchError:
    return CollectionMismatchError(
        f"collection {name!r} holds the documents of {recorded}, and this run is over {now}",
        hint="to add this folder to it, give it a name with --as NAME; or ingest that folder, or "
        "choose another collection with --collection; if it is the same folder, moved or seen "
        "from another machine or a container, `waypoint ingest --root-moved` says so; "
        "`waypoint ingest --clear` starts the collection anew from this one",
    )


def _told(before: Mapping[str, Choice], given: Mapping[str, Choice]) -> Iterator[str]:
    """Which choices of earlier runs hold on, and which are replaced."""
    for name, default in CHOICES.items():
        old = before.get(name, default)
        if name in given and given[name] != old:
            until_now = as_option(name, old) if name in before else "none"
            yield f"{as_option(name, given[name])} from now on; until now: {until_now}"
        elif name not in given and name in before:
            ends = as_option(name, default)
            yield f"{as_option(name, old)}, as in earlier runs; {ends} ends that"


def _refuse_other_choices(category: str, recorded: Origin, choices: Mapping[str, Choice]) -> None:
    """
    Raises:
        CollectionMismatchError: the collection has other categories than this one.
    """
    if recorded.categories == frozenset({category}):
        return
    theirs = Origin("", choices=recorded.choices).options() or "none"
    ours = Origin("", choices=choices).options() or "none"
    raise CollectionMismatchError(
        f"what is left out is told for a collection as a whole: its documents are ingested with "
        f"the options {theirs}, and --category {category} is to be with {ours}",
        hint="give options that hold for all of it (a pattern such as /folder/*.tmp is about one "
        "folder), and change them by a run without --category",
    )
