"""What is done about a damaged ledger or collection, so that the run can begin anew."""

from __future__ import annotations

from pathlib import Path

from anyio import to_thread

from waypoint.errors import LedgerDamagedError, StoreDamagedError
from waypoint.observe.events import EventBus, StoreNotice
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledgers import LedgerKind
from waypoint.storage.quarantine import quarantine, quarantine_of
from waypoint.storage.stores import Upkeep


async def quarantine_ledger(
    kind: LedgerKind, folder: Path, error: LedgerDamagedError, events: EventBus
) -> Path:
    """Move a damaged ledger away: a new one is rebuilt from what the store holds.

    Returns where it lies now.

    Raises:
        StoreWriteError: it cannot be moved; nothing was touched.
    """
    files = await to_thread.run_sync(kind.files, folder)
    target = quarantine_of(folder)
    events.emit(
        StoreNotice(
            f"{error.message}; it is moved to {target.name}, and what Chroma holds is taken "
            "into a new one"
        )
    )
    await to_thread.run_sync(quarantine, files, target)
    return target / files[0].name


async def take_over_jobs(ledger: Ledger, damaged: Path, events: EventBus) -> None:
    """Go on with the batch jobs of a ledger that was moved away, as far as it can be read."""
    if ledger.batch is None:
        return
    jobs, texts = await ledger.batch.take_over(damaged)
    if jobs:
        events.emit(
            StoreNotice(
                f"{jobs:,} batch jobs of the damaged ledger are taken over, with {texts:,} texts"
            )
        )


async def prepare_rebuild(
    upkeep: Upkeep, error: StoreDamagedError, events: EventBus, *, rebuilt: bool
) -> None:
    """Make ready for the collection to be rebuilt by the next attempt.

    Args:
        rebuilt: this was tried already, and is what failed.

    Raises:
        StoreDamagedError: nothing else is left to be tried.
        StoreWriteError: what looks like damage may be the fault of the disk, or of the files'
            owner; nothing was touched.
    """
    await upkeep.confirm_damage()
    events.emit(StoreNotice(error.message))
    if rebuilt:
        await upkeep.quarantine(error)
