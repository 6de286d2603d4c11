"""What is done about a damaged ledger or collection, so that the run can begin anew."""

from __future__ import annotations

from pathlib import Path

from anyio import to_thread

from waypoint.app.store import EmbeddedStore
from waypoint.errors import LedgerDamagedError, StoreDamagedError
from waypoint.events import EventBus, StoreNotice
from waypoint.storage.chroma import ChromaStore
from waypoint.storage.set_aside import ledger_files, quarantine, quarantine_of


async def set_ledger_aside(folder: Path, error: LedgerDamagedError, events: EventBus) -> None:
    """Quarantine a damaged ledger: what Chroma holds is taken into a new one.

    Raises:
        StoreWriteError: it cannot be moved; nothing was touched.
    """
    files = await to_thread.run_sync(ledger_files, folder)
    target = quarantine_of(folder)
    events.emit(
        StoreNotice(
            f"{error.message}; it is moved to {target.name}, and what Chroma holds is taken "
            "into a new one"
        )
    )
    await to_thread.run_sync(quarantine, files, target)


async def drop_damaged(
    store: ChromaStore,
    embedded: EmbeddedStore | None,
    collection: str,
    error: StoreDamagedError,
    events: EventBus,
) -> None:
    """Make room for the collection to be written anew: it alone, if Chroma can drop it.

    Raises:
        StoreDamagedError, StoreUnavailableError: Chroma cannot, and its files aren't proved to be
            damaged, or are somebody else's.
        StoreWriteError: what looks like damage may be the fault of the disk, or of the files'
            owner; nothing was touched.
    """
    if embedded is not None:
        await embedded.doubt_damage()
    events.emit(StoreNotice(error.message))
    try:
        await store.drop(collection)
    except StoreDamagedError as again:
        if embedded is None:
            raise
        await embedded.set_aside(again)
