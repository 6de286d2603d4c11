"""The checks by name: what each of them says, and what to do when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from waypoint.errors import UsageError
from waypoint.settings.renamed import refuse_old_check

MOST_EXAMPLES = 10
"""Findings of one check that are listed; all of them are counted."""


class Status(StrEnum):
    """How a check came out."""

    PASS = "PASS"  # noqa: S105 - a verdict, no password
    FAIL = "FAIL"
    SKIP = "SKIP"
    """It could not be made; its figure says why."""
    INFO = "INFO"
    """Counted, with nothing that could be wrong about it."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one check came out."""

    name: str
    group: str
    title: str
    status: Status
    figure: str
    """What was counted or measured, or why it was not."""
    advice: str = ""
    """What to do; empty unless it failed."""
    found: int = 0
    """How many things are wrong."""
    examples: Sequence[str] = ()
    """The first of them; never a document's text."""


@dataclass(frozen=True, slots=True)
class CheckKind:
    """A check that can be asked for by its name."""

    name: str
    group: str
    title: str
    advice: str


_REPAIR = "run `waypoint verify --repair`"
_ANEW = (
    f"{_REPAIR}: the index is built anew, and nothing is embedded again. If it fails again, and "
    "`contents` counts many chunks with the text of another, it is these: an HNSW index finds its "
    "way badly among equal vectors, so leave the documents out that repeat themselves"
)

INTEGRITY = "integrity"
SAMPLING = "sampling"
RETRIEVAL = "retrieval"
GROUPS = (INTEGRITY, SAMPLING, RETRIEVAL)

KINDS = {
    kind.name: kind
    for kind in (
        CheckKind(
            "collection",
            INTEGRITY,
            "the collection is there and can be read",
            f"{_REPAIR}: it is written anew from the committed vectors",
        ),
        CheckKind(
            "recipe",
            INTEGRITY,
            "model, dimensions, task type and chunking are the collection's",
            "use the settings it was made with, or start it anew with `waypoint ingest --clear`",
        ),
        CheckKind(
            "sources",
            INTEGRITY,
            "every source is in the collection or in the rejects",
            f"run the ingestion again, or {_REPAIR}",
        ),
        CheckKind(
            "orphans",
            INTEGRITY,
            "nothing in the collection is without a source",
            f"see that the folder is the right one, then {_REPAIR}; where that removes nothing, "
            "run `waypoint ingest --allow-mass-delete`",
        ),
        CheckKind("sequence", INTEGRITY, "chunk indexes run from 0 without a gap", _REPAIR),
        CheckKind("ids", INTEGRITY, "ids are unique", _REPAIR),
        CheckKind("texts", INTEGRITY, "each stored text has its content hash", _REPAIR),
        CheckKind(
            "vectors",
            INTEGRITY,
            "every vector is finite, of the right dimension and of unit length",
            _REPAIR,
        ),
        CheckKind("metadata", INTEGRITY, "required metadata are there and of their types", _REPAIR),
        CheckKind("ledger", INTEGRITY, "the ledger and the collection agree", _REPAIR),
        CheckKind("committed", INTEGRITY, "each vector is the one committed for its text", _REPAIR),
        CheckKind(
            "index",
            INTEGRITY,
            "the index finds chunks by their own vectors",
            _ANEW,
        ),
        CheckKind(
            "stale",
            INTEGRITY,
            "no source has changed since it was ingested",
            f"run the ingestion again, or {_REPAIR}",
        ),
        CheckKind("contents", INTEGRITY, "duplicates and empty chunks", ""),
        CheckKind(
            "sample",
            SAMPLING,
            "texts embedded anew have the vectors that are stored",
            "the service gives other vectors for these texts than were committed: is the model "
            "still the same? To embed all of them again, move the ledger (waypoint.sqlite3) "
            "away and run `waypoint ingest --clear`",
        ),
        CheckKind(
            "recall",
            SAMPLING,
            "Chroma's nearest neighbours are the exact ones",
            _ANEW,
        ),
        CheckKind(
            "retrieval",
            RETRIEVAL,
            "questions find what they should",
            "see what came instead; smaller or larger chunks (--chunk-size) or other words "
            "in the documents may help",
        ),
    )
}

NAMES = tuple(KINDS)
IN_GROUP = {group: tuple(k.name for k in KINDS.values() if k.group == group) for group in GROUPS}


def checks_named(checks: Sequence[str], tiers: Sequence[str] = ()) -> frozenset[str]:
    """The checks that are meant by names of checks or groups; all of them if none is named.

    Naming a tier of questions, and no check, means retrieval alone.

    Raises:
        UsageError: there is no such check.
    """
    if not checks:
        return frozenset({RETRIEVAL} if tiers else NAMES)
    names: set[str] = set()
    for name in checks:
        refuse_old_check(name)
        if name not in NAMES and name not in GROUPS:
            raise UsageError(
                f"there is no check {name!r}",
                hint=f"checks are: {', '.join(NAMES)}; groups of them: {', '.join(GROUPS)}",
            )
        names.update(IN_GROUP.get(name, (name,)))
    return frozenset(names | ({RETRIEVAL} if tiers else set()))


def passed(name: str, figure: str) -> CheckResult:
    """The check found nothing wrong."""
    return _result(name, Status.PASS, figure)


def skipped(name: str, reason: str) -> CheckResult:
    """The check could not be made."""
    return _result(name, Status.SKIP, reason)


def informed(name: str, figure: str, examples: Sequence[str] = ()) -> CheckResult:
    """Something was counted."""
    return _result(name, Status.INFO, figure, examples=examples)


def failed(
    name: str, figure: str, *, found: int, examples: Sequence[str] = (), advice: str = ""
) -> CheckResult:
    """The check found ``found`` things wrong, of which some are named."""
    return _result(name, Status.FAIL, figure, advice or KINDS[name].advice, found, tuple(examples))


def judged(
    name: str, figure: str, *, found: int, wrong: str, examples: Sequence[str] = ()
) -> CheckResult:
    """Passed if nothing was found, else failed with ``wrong`` before the figure."""
    if not found:
        return passed(name, figure)
    return failed(name, f"{wrong}; {figure}", found=found, examples=examples)


def _result(
    name: str,
    status: Status,
    figure: str,
    advice: str = "",
    found: int = 0,
    examples: Sequence[str] = (),
) -> CheckResult:
    kind = KINDS[name]
    return CheckResult(
        name, kind.group, kind.title, status, figure, advice, found, tuple(examples)[:MOST_EXAMPLES]
    )
