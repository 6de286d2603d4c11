"""The ledger's figures, read without a store."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import to_thread

from waypoint.errors import UsageError
from waypoint.settings import Settings
from waypoint.storage.ledger.records import CachedCollection, CachedSpace
from waypoint.storage.ledgers import chosen_ledger
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


async def read_cache(settings: Settings, *, drop_unused: bool, force: bool) -> CacheReport:
    """Read the ledger, dropping first what no collection uses if asked.

    Raises:
        UsageError: there is no ledger, or dropping would lose what a run is still to store.
        StoreLockedError: a run has it open.
    """
    kind, folder = chosen_ledger(settings), settings.chroma_persist_path
    if not kind.exists(folder):
        raise UsageError(
            f"there is no ledger in {folder}",
            hint="set CHROMA_PERSIST_PATH to the folder of an earlier run",
        )
    with StoreLock(folder):
        async with kind.open(folder) as ledger:
            pruned = None
            if drop_unused:
                unfinished = await ledger.unfinished_collections()
                if unfinished and not force:
                    raise UsageError(
                        f"no run has completed {', '.join(unfinished)}: vectors that are not yet "
                        "stored there would be dropped as unused",
                        hint="let a run complete it first, or add --force",
                    )
                pruned = await ledger.prune_unused()
            path = kind.files(folder)[0]
            return CacheReport(
                str(path),
                (await to_thread.run_sync(path.stat)).st_size,
                await ledger.cached_spaces(),
                await ledger.cached_collections(),
                await ledger.cached_refusals(),
                pruned,
            )
