"""What a run is over: what it was told, held against what earlier runs of the collection were."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from waypoint.errors import CollectionMismatchError
from waypoint.ingest.options import IngestOptions
from waypoint.settings import Settings
from waypoint.sources.names import printable_name
from waypoint.sources.origin import CHOICES, Choice, Origin, as_option, changed_choices


@dataclass(frozen=True, slots=True)
class SettledOrigin:
    """What a run is over, and how it is walked."""

    origin: Origin
    """To be kept with the collection."""
    settings: Settings
    """With what earlier runs were told, where this one was told nothing."""
    only: frozenset[str] | None
    """Top folders to walk where a repair is of a few; else None."""
    notices: tuple[str, ...] = ()


def origin_of(settings: Settings) -> Origin:
    """The folder and the choices of the settings alone."""
    root = printable_name(os.path.realpath(settings.knowledge_base_path))
    host_root = settings.knowledge_base_dir if settings.in_container else None
    choices = changed_choices({name: getattr(settings, name) for name in CHOICES})
    return Origin(root, os.path.normpath(host_root) if host_root else "", None, choices)


def with_choices(settings: Settings, origin: Origin) -> Settings:
    """The settings with the choices of ``origin`` in place of their own."""
    return settings.model_copy(update={**CHOICES, **origin.choices})


def settle(
    settings: Settings, options: IngestOptions, name: str, recorded: Origin | None, *, empty: bool
) -> SettledOrigin:
    """Decide what a run into the collection ``name`` is over.

    ``recorded``: what earlier runs of it were over, None if that isn't known. ``empty``: it
    holds nothing, so that its folder may be any.

    Raises:
        CollectionMismatchError: another folder than that of the collection's documents, or
            other choices for one category than for the rest.
    """
    notices: list[str] = []
    now = origin_of(settings)
    recorded = options.repaired or recorded
    fresh = options.clear or empty
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
        if options.category and not fresh and choices != before:
            _refuse_other_choices(options.category, recorded, choices)
    categories = _categories(options, recorded, fresh=fresh)
    if categories is None and recorded is not None and recorded.categories and not fresh:
        names = ", ".join(map(printable_name, sorted(recorded.categories)))
        notices.append(f"earlier runs were of {names} alone: this one is of the whole folder")
    origin = Origin(now.root, now.host_root, categories, choices)
    only = categories if options.repaired else None
    return SettledOrigin(origin, with_choices(settings, origin), only, tuple(notices))


def compared_with(settings: Settings, recorded: Origin) -> Iterator[str]:
    """What a person should know who has a collection compared with the folder of ``settings``."""
    now = origin_of(settings)
    if not now.same_root(recorded):
        yield f"it holds the documents of {recorded}, and is compared with {now}"
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
    if options.category is None:
        return None
    if recorded is None or options.clear:
        return frozenset({options.category}) if fresh else None
    return None if recorded.categories is None else recorded.categories | {options.category}


def _another_root(name: str, recorded: Origin, now: Origin) -> CollectionMismatchError:
    return CollectionMismatchError(
        f"collection {name!r} holds the documents of {recorded}, and this run is over {now}",
        hint="ingest that folder, or choose another collection with --collection; if it is the "
        "same folder, moved or seen from another machine or a container, `ingest --root-moved` "
        "says so; `ingest --clear` starts the collection anew from this one",
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
