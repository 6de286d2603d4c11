"""The ledger's figures, read without a store."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from waypoint.errors import UsageError
from waypoint.storage.ledger import LEDGER_NAME
from waypoint.storage.ledger.records import CachedCollection, CachedSpace
from waypoint.storage.ledger.sqlite import SqliteLedger
from waypoint.storage.lock import StoreLock


@dataclass(frozen=True, slots=True)
class CacheReport:
    """What the ledger holds."""

    path: str
    bytes: int
    """Of the file, after pruning."""
    spaces: list[CachedSpace]
    collections: list[CachedCollection]
    refused_texts: int
    """Texts that the service refuses, and that are not sent again."""
    pruned: int | None
    """Vectors dropped; None if that was not asked."""


def read_cache(folder: Path, *, drop_unused: bool, force: bool) -> CacheReport:
    """Read the ledger of a store's folder, dropping first what no collection uses if asked.

    Raises:
        UsageError: there is no ledger, or dropping would lose what a run is still to store.
        StoreLockedError: a run has it open.
    """
    path = folder / LEDGER_NAME
    if not path.exists():
        raise UsageError(
            f"there is no ledger in {folder}",
            hint="set CHROMA_PERSIST_PATH to the folder of an earlier run",
        )
    with StoreLock(folder), closing(SqliteLedger(folder)) as ledger:
        pruned = None
        if drop_unused:
            unfinished = ledger.unfinished_collections()
            if unfinished and not force:
                raise UsageError(
                    f"no run has completed {', '.join(unfinished)}: vectors that are not yet "
                    "stored there would be dropped as unused",
                    hint="let a run complete it first, or add --force",
                )
            pruned = ledger.prune_unused()
        return CacheReport(
            str(path),
            path.stat().st_size,
            ledger.cached_spaces(),
            ledger.cached_collections(),
            ledger.cached_refusals(),
            pruned,
        )
