"""The store of a run: a configured Chroma server, or a private one over the locked folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from anyio import to_thread

from waypoint.errors import StoreDamagedError
from waypoint.observe.events import EventBus, StoreNotice
from waypoint.settings import StoreSettings
from waypoint.storage.chroma.child import HOST as LOOPBACK
from waypoint.storage.chroma.child import ChromaChild, run_chroma_child
from waypoint.storage.chroma.diagnosis import (
    check_access,
    check_room,
    find_damage,
    revive_server,
    start_server,
)
from waypoint.storage.chroma.store import ChromaStore, open_chroma
from waypoint.storage.lock import StoreLock
from waypoint.storage.quarantine import (
    chroma_files,
    collection_names,
    known_names,
    quarantine,
    quarantine_of,
)


class EmbeddedStore:
    """The private server and the files under it."""

    def __init__(self, folder: Path, child: ChromaChild, events: EventBus) -> None:
        self._folder = folder
        self._child = child
        self._events = events
        self._has_died = False

    @property
    def has_died(self) -> bool:
        """Whether the server ended by itself while it was in use."""
        return self._has_died or self._child.ended

    async def start(self) -> None:
        """Start the server; over files that are proved to be damaged, start it over none.

        Raises:
            StoreUnavailableError, StoreWriteError: it does not start; nothing was touched.
        """
        try:
            await start_server(self._child, self._folder)
        except StoreDamagedError as error:
            await self.quarantine_files(error)

    async def revive(self) -> bool:
        """Start a server that died, once.

        Raises:
            StoreDamagedError: it died a second time, of what it holds.
            StoreUnavailableError, StoreWriteError: or of something else.
        """
        # Noted first: a second signal may cancel its revival.
        self._has_died |= self._child.ended
        return await revive_server(self._child, self._folder)

    async def doubt_damage(self) -> None:
        """Make sure that what the server says of its files is not the disk's or the owner's fault.

        Raises:
            StoreWriteError: it may be.
        """
        for check in (check_access, check_room):
            await to_thread.run_sync(check, self._folder)
        await self.restart()

    async def restart(self) -> None:
        """Start the server again if it has ended: not all that is asked of it loads an index."""
        if self._child.ended:
            await self._child.restart()

    async def quarantine_files(self, error: StoreDamagedError) -> None:
        """Quarantine Chroma's files and start over none; first says what goes with them.

        Raises:
            StoreDamagedError: SQLite finds nothing wrong; nothing was touched.
            StoreWriteError: they cannot be moved; nothing was touched.
        """
        await self._child.stop()
        if not await to_thread.run_sync(find_damage, self._folder):
            raise error
        target = quarantine_of(self._folder)
        files = await to_thread.run_sync(chroma_files, self._folder)
        held = await to_thread.run_sync(_held, self._folder)
        self._events.emit(
            StoreNotice(
                f"{error.message}. Chroma's files in {self._folder} are moved to {target.name}; "
                f"collections that go with them: {held}"
            )
        )
        await to_thread.run_sync(quarantine, files, target)
        await self._child.restart()


def _held(folder: Path) -> str:
    """The collections in Chroma's files, as far as can be said."""
    names, known = collection_names(folder), known_names(folder)
    if names is not None:
        return ", ".join(names) or "none"
    unread = "the database cannot be read"
    return f"{', '.join(known)} (from the ledger: {unread})" if known else f"not known: {unread}"


def connect(
    settings: StoreSettings,
    events: EventBus,
    child: ChromaChild | None = None,
    revive: Callable[[], Awaitable[bool]] | None = None,
) -> AbstractAsyncContextManager[ChromaStore]:
    """A connection to the configured server, or to the private one that ``child`` is.

    ``revive``: starts that again if it has died.
    """
    host, port = (settings.host, settings.port) if child is None else (LOOPBACK, child.port)
    assert host is not None
    return open_chroma(
        host,
        port,
        events,
        ssl=settings.ssl and child is None,
        revive=revive,
        stop=None if child is None else child.stop_stuck,
        folder=None if child is None else settings.persist_path,
        give_up_after=settings.give_up_after,
    )


@asynccontextmanager
async def open_store(
    settings: StoreSettings, lock: StoreLock, log_folder: Path, events: EventBus
) -> AsyncIterator[tuple[ChromaStore, EmbeddedStore | None]]:
    """Connect to Chroma; the private server, if any, starts and ends with the context.

    Raises:
        StoreUnavailableError: it does not start, or cannot be reached.
    """
    if settings.host is not None:
        async with connect(settings, events) as store:
            yield store, None
        return
    async with run_chroma_child(
        settings.persist_path, log_folder, lock.descriptor, started=False
    ) as child:
        embedded = EmbeddedStore(settings.persist_path, child, events)
        try:
            await embedded.start()
            async with connect(settings, events, child, embedded.revive) as store:
                yield store, embedded
        finally:
            if child.log_failure:
                events.emit(
                    StoreNotice(f"what Chroma printed could not be kept: {child.log_failure}")
                )
