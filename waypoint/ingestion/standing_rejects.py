"""What stands rejected at the end of a run: counted, listed in a file, and named in the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from waypoint.files import told
from waypoint.observe.rejects_file import write_rejects
from waypoint.observe.report import MOST_LISTED
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import RejectedItem

RejectKey = tuple[str, str]
"""Source, and chunk: empty for a whole document."""


@dataclass(slots=True)
class StandingRejects:
    """The documents and chunks of one collection that stand rejected."""

    before: frozenset[RejectKey] = frozenset()
    """What stood when the run began; only read where it matters."""
    count: int = 0
    new: int = 0
    """Of them, those that are not among ``before``."""
    listed: list[dict[str, str]] = field(default_factory=list)
    """The first of them, by source."""
    file: Path | None = None
    """Where all of them are listed, and those of the ledger's other collections."""
    failure: str = ""
    """Why the file could not be written."""


async def standing_before(ledger: Ledger, collection: str) -> frozenset[RejectKey]:
    """What stands rejected as yet.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.read_rejects(
        lambda rejects: frozenset(_key(each) for each in rejects if each.collection == collection)
    )


async def list_rejects(
    ledger: Ledger,
    collection: str,
    store: Path,
    log_dir: Path,
    has_ledger: Callable[[Path], bool],
    before: frozenset[RejectKey],
) -> StandingRejects:
    """Read from the ledger what stands rejected, and write ``rejects.jsonl`` from it.

    ``store``: the ledger's folder. ``has_ledger``: whether a folder has one. Raises OSError.
    ``before``: as of ``standing_before``.

    Raises:
        LedgerError: the ledger cannot be read. A file that cannot be written is told in the
            result: the run's own end matters more.
    """
    is_store = partial(_may_be_store, has_ledger)
    standing = StandingRejects(before)
    return await ledger.read_rejects(
        lambda rejects: _list(rejects, collection, standing, store, log_dir, is_store)
    )


def _list(
    rejects: Iterator[RejectedItem],
    collection: str,
    standing: StandingRejects,
    store: Path,
    log_dir: Path,
    is_store: Callable[[Path], bool],
) -> StandingRejects:
    rows = _read(rejects, collection, standing)
    try:
        standing.file = write_rejects(log_dir, store, rows, is_store)
    except OSError as error:
        standing.failure = told(error)
        # Counted to the end all the same: the exit code goes by it.
        for _ in rows:
            pass
    return standing


def _may_be_store(has_ledger: Callable[[Path], bool], folder: Path) -> bool:
    try:
        return has_ledger(folder)
    except OSError:
        # It cannot be looked at from here: it may be there all the same.
        return True


def _read(
    rejects: Iterator[RejectedItem], collection: str, standing: StandingRejects
) -> Iterator[dict[str, str]]:
    for reject in rejects:
        fields = {"source": reject.source, "chunk": reject.chunk, "reason": reject.reason}
        if reject.hint:
            fields["hint"] = reject.hint
        if reject.collection == collection:
            standing.count += 1
            standing.new += _key(reject) not in standing.before
            if standing.count <= MOST_LISTED:
                standing.listed.append(fields)
        yield {"collection": reject.collection, **fields}


def _key(reject: RejectedItem) -> RejectKey:
    return reject.source, reject.chunk
