"""A store opened to be looked at: nothing in it is changed, moved or made anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from waypoint.errors import LedgerDamagedError, StoreLockedError, UsageError
from waypoint.observe.events import EventBus
from waypoint.settings import Settings
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledgers import LedgerKind, chosen_ledger
from waypoint.storage.lock import StoreLock
from waypoint.storage.port import VectorStore
from waypoint.storage.stores import chosen_store


@dataclass(frozen=True, slots=True)
class OpenStore:
    """What of the store can be had."""

    reader: VectorStore
    ledger: Ledger | None
    no_ledger: str = ""
    """Why there is no ledger; empty if there is one."""
    broken_ledger: str = ""
    """What is broken about it, if that is why."""
    holder: str = ""
    """Who holds the lock, if that is why."""


@asynccontextmanager
async def open_for_reading(settings: Settings, events: EventBus) -> AsyncIterator[OpenStore]:
    """Open the store and, if nobody else has it, the ledger, under the store's lock.

    With a server, a store that is in use is opened all the same, without its ledger.

    Raises:
        UsageError: there is no store.
        StoreLockedError: the embedded store is in use.
        StoreDamagedError: the files of the private server are proved to be damaged.
        StoreWriteError: they cannot be used by this user, or for want of room.
        StoreUnavailableError: the server cannot be reached, or refuses access.
        ConfigurationError: it has no such database.
    """
    folder = settings.chroma_persist_path
    stores, ledgers = chosen_store(settings), chosen_ledger(settings)
    async with AsyncExitStack() as stack:
        if not stores.address(settings):
            if not folder.is_dir() or not (stores.files(folder) or ledgers.exists(folder)):
                raise UsageError(
                    f"there is no store in {folder}",
                    hint="ingest first, or set CHROMA_PERSIST_PATH (or CHROMA_HOST) to where the "
                    "collection is",
                )
            lock = stack.enter_context(StoreLock(folder))
            reader = await stack.enter_async_context(stores.look(settings, lock, events))
            yield await _with_ledger(reader, ledgers, folder, stack)
            return
        reader = await stack.enter_async_context(stores.look(settings, None, events))
        if ledgers.exists(folder):
            try:
                stack.enter_context(StoreLock(folder))
            except StoreLockedError as error:
                yield OpenStore(reader, None, no_ledger=error.message, holder=error.message)
                return
        yield await _with_ledger(reader, ledgers, folder, stack)


async def _with_ledger(
    reader: VectorStore, ledgers: LedgerKind, folder: Path, stack: AsyncExitStack
) -> OpenStore:
    if not ledgers.exists(folder):
        return OpenStore(reader, None, no_ledger=f"there is no ledger in {folder}")
    try:
        ledger = await stack.enter_async_context(ledgers.open(folder))
    except LedgerDamagedError as error:
        return OpenStore(reader, None, no_ledger=error.message, broken_ledger=error.message)
    return OpenStore(reader, ledger)
