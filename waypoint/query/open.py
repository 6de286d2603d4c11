"""A store opened to be looked at: nothing in it is changed, moved or made anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from waypoint.errors import LedgerDamagedError, StoreLockedError, UsageError
from waypoint.files import make_log_folder
from waypoint.observe.events import EventBus
from waypoint.settings import Settings, StoreSettings
from waypoint.storage.chroma.child import run_chroma_child
from waypoint.storage.chroma.diagnosis import revive_server, start_server
from waypoint.storage.ledger import LEDGER_NAME
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.thread import open_ledger
from waypoint.storage.lock import StoreLock
from waypoint.storage.port import VectorStore
from waypoint.storage.quarantine import chroma_files
from waypoint.storage.store import connect


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
    """Open Chroma and, if nobody else has it, the ledger, under the store's lock.

    With a server, a store that is in use is opened all the same, without its ledger.

    Raises:
        UsageError: there is no store.
        StoreLockedError: the embedded store is in use.
        StoreDamagedError: the files of the private server are proved to be damaged.
        StoreWriteError: they cannot be used by this user, or for want of room.
        StoreUnavailableError: the server cannot be reached.
    """
    folder = settings.chroma_persist_path
    async with AsyncExitStack() as stack:
        if settings.store.host is None:
            if not folder.is_dir() or not (chroma_files(folder) or _has_ledger(folder)):
                raise UsageError(
                    f"there is no store in {folder}",
                    hint="ingest first, or set CHROMA_PERSIST_PATH (or CHROMA_HOST) to where the "
                    "collection is",
                )
            lock = stack.enter_context(StoreLock(folder))
            reader = await stack.enter_async_context(
                _private_reader(settings.store, lock, settings.log_dir, events)
            )
            yield await _with_ledger(reader, folder, stack)
            return
        reader = await stack.enter_async_context(connect(settings.store, events))
        if _has_ledger(folder):
            try:
                stack.enter_context(StoreLock(folder))
            except StoreLockedError as error:
                yield OpenStore(reader, None, no_ledger=error.message, holder=error.message)
                return
        yield await _with_ledger(reader, folder, stack)


def _has_ledger(folder: Path) -> bool:
    return (folder / LEDGER_NAME).exists()


async def _with_ledger(reader: VectorStore, folder: Path, stack: AsyncExitStack) -> OpenStore:
    if not _has_ledger(folder):
        return OpenStore(reader, None, no_ledger=f"there is no ledger in {folder}")
    try:
        ledger = await stack.enter_async_context(open_ledger(folder))
    except LedgerDamagedError as error:
        return OpenStore(reader, None, no_ledger=error.message, broken_ledger=error.message)
    return OpenStore(reader, ledger)


@asynccontextmanager
async def _private_reader(
    settings: StoreSettings, lock: StoreLock, log_folder: Path, events: EventBus
) -> AsyncIterator[VectorStore]:
    make_log_folder(log_folder)
    async with run_chroma_child(
        settings.persist_path, log_folder, lock.descriptor, started=False
    ) as child:
        await start_server(child, settings.persist_path)
        revive = partial(revive_server, child, settings.persist_path)
        async with connect(settings, events, child, revive) as reader:
            yield reader
