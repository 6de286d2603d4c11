"""What is done about a damaged ledger or collection, so that the run can begin anew."""

from __future__ import annotations

from pathlib import Path

from anyio import to_thread

from waypoint.errors import LedgerDamagedError, StoreDamagedError
from waypoint.observe.events import EventBus, StoreNotice
from waypoint.storage.quarantine import ledger_files, quarantine, quarantine_of
from waypoint.storage.store import EmbeddedStore


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


async def mend_store(
    embedded: EmbeddedStore | None, error: StoreDamagedError, events: EventBus, *, rebuilt: bool
) -> None:
    """Make ready for the collection to be rebuilt by the next attempt.

    Args:
        rebuilt: this was tried already, and is what failed.

    Raises:
        StoreDamagedError: nothing else is left to be tried.
        StoreWriteError: what looks like damage may be the fault of the disk, or of the files'
            owner; nothing was touched.
    """
    if embedded is not None:
        await embedded.doubt_damage()
    events.emit(StoreNotice(error.message))
    if rebuilt:
        if embedded is None:
            raise error
        await embedded.quarantine_files(error)
