"""What is done about a damaged ledger or collection, so that the run can begin anew."""

from __future__ import annotations

from pathlib import Path

from anyio import to_thread

from waypoint.app.store import EmbeddedStore
from waypoint.errors import LedgerDamagedError, StoreDamagedError, StoreUnavailableError
from waypoint.events import EventBus, StoreNotice
from waypoint.storage.chroma import ChromaStore
from waypoint.storage.set_aside import ledger_files, set_aside


async def set_ledger_aside(folder: Path, error: LedgerDamagedError, events: EventBus) -> None:
    """Move a damaged ledger out of the way: what Chroma holds is taken into a new one."""
    files = await to_thread.run_sync(ledger_files, folder)
    target = await to_thread.run_sync(set_aside, folder, files)
    events.emit(
        StoreNotice(
            f"{error.message}; it was moved to {target.name}, and what Chroma holds is taken "
            "into a new one"
        )
    )


async def drop_damaged(
    store: ChromaStore,
    embedded: EmbeddedStore | None,
    collection: str,
    error: StoreDamagedError,
    events: EventBus,
) -> None:
    """Make room for the collection to be written anew: it alone, if Chroma can drop it.

    Raises:
        StoreDamagedError, StoreUnavailableError: a server of somebody else's cannot.
    """
    events.emit(StoreNotice(error.message))
    try:
        await store.drop(collection)
    except (StoreDamagedError, StoreUnavailableError):
        if embedded is None:
            raise
        await embedded.set_aside()
