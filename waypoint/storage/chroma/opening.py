"""How Chroma is opened: a configured server, or a private one over the locked folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

from anyio import to_thread

from waypoint.errors import StoreDamagedError
from waypoint.files import make_log_folder
from waypoint.observe.events import EventBus, StoreNotice
from waypoint.settings import ChromaAddress, Settings, StoreSettings
from waypoint.storage.chroma.child import HOST as LOOPBACK
from waypoint.storage.chroma.child import ChromaChild, run_chroma_child
from waypoint.storage.chroma.diagnosis import (
    check_access,
    check_room,
    find_damage,
    revive_server,
    start_server,
)
from waypoint.storage.chroma.files import CHROMA_DATABASE, chroma_files
from waypoint.storage.chroma.store import ChromaStore, open_chroma
from waypoint.storage.ledgers import chosen_ledger
from waypoint.storage.lock import StoreLock
from waypoint.storage.port import VectorStore
from waypoint.storage.quarantine import quarantine, quarantine_of
from waypoint.storage.sqlite_files import collection_names
from waypoint.storage.stores import NoUpkeep, OpenedStore


class EmbeddedStore:
    """The private server and the files under it; an ``Upkeep``.

    ``known``: the names of the collections that the ledger knows, as far as it can be read.
    """

    def __init__(
        self,
        folder: Path,
        child: ChromaChild,
        events: EventBus,
        known: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._folder = folder
        self._child = child
        self._events = events
        self._known = known
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
            await self.quarantine(error)

    async def revive(self) -> bool:
        """Start a server that died, once.

        Raises:
            StoreDamagedError: it died a second time, of what it holds.
            StoreUnavailableError, StoreWriteError: or of something else.
        """
        # Noted first: a second signal may cancel its revival.
        self._has_died |= self._child.ended
        return await revive_server(self._child, self._folder)

    async def confirm_damage(self) -> None:
        """As ``Upkeep``."""
        for check in (check_access, check_room):
            await to_thread.run_sync(check, self._folder)
        await self.restart()

    async def restart(self) -> None:
        """As ``Upkeep``."""
        if self._child.ended:
            await self._child.restart()

    async def quarantine(self, error: StoreDamagedError) -> None:
        """As ``Upkeep``; it is SQLite's word that the files are damaged."""
        await self._child.stop()
        if not await to_thread.run_sync(find_damage, self._folder):
            raise error
        target = quarantine_of(self._folder)
        files = await to_thread.run_sync(chroma_files, self._folder)
        held = await to_thread.run_sync(self._held)
        self._events.emit(
            StoreNotice(
                f"{error.message}. Chroma's files in {self._folder} are moved to {target.name}; "
                f"collections that go with them: {held}"
            )
        )
        await to_thread.run_sync(quarantine, files, target)
        await self._child.restart()

    def _held(self) -> str:
        """The collections in Chroma's files, as far as can be said."""
        names = collection_names(self._folder / CHROMA_DATABASE)
        if names is not None:
            return ", ".join(names) or "none"
        unread, known = "the database cannot be read", ", ".join(self._known())
        return f"{known} (from the ledger: {unread})" if known else f"not known: {unread}"


class Chroma:
    """A ``StoreKind``."""

    def address(self, settings: Settings) -> str:
        server = settings.store.server
        return "" if server is None else str(server)

    def files(self, folder: Path) -> list[Path]:
        return chroma_files(folder)

    @asynccontextmanager
    async def open(
        self, settings: Settings, lock: StoreLock, events: EventBus
    ) -> AsyncIterator[OpenedStore]:
        """As ``StoreKind``; the private server, if any, starts and ends with the context."""
        folder = settings.chroma_persist_path
        if settings.store.server is not None:
            create = settings.store.create_database
            async with _connect(settings.store, events, create_database=create) as store:
                yield OpenedStore(store, NoUpkeep())
            return
        async with run_chroma_child(
            folder, settings.log_dir, lock.descriptor, started=False
        ) as child:
            known = partial(chosen_ledger(settings).collections, folder)
            embedded = EmbeddedStore(folder, child, events, known)
            try:
                await embedded.start()
                async with _connect(settings.store, events, child, embedded.revive) as store:
                    yield OpenedStore(store, embedded)
            finally:
                if child.log_failure:
                    events.emit(
                        StoreNotice(f"what Chroma printed could not be kept: {child.log_failure}")
                    )

    @asynccontextmanager
    async def look(
        self, settings: Settings, lock: StoreLock | None, events: EventBus
    ) -> AsyncIterator[VectorStore]:
        """As ``StoreKind``."""
        folder = settings.chroma_persist_path
        if settings.store.server is not None:
            async with _connect(settings.store, events) as store:
                yield store
            return
        assert lock is not None, "two servers over one folder would corrupt it"
        make_log_folder(settings.log_dir)
        async with run_chroma_child(
            folder, settings.log_dir, lock.descriptor, started=False
        ) as child:
            await start_server(child, folder)
            revive = partial(revive_server, child, folder)
            async with _connect(settings.store, events, child, revive) as store:
                yield store


def _connect(
    settings: StoreSettings,
    events: EventBus,
    child: ChromaChild | None = None,
    revive: Callable[[], Awaitable[bool]] | None = None,
    *,
    create_database: bool = False,
) -> AbstractAsyncContextManager[ChromaStore]:
    """A connection to the configured server, or to the private one that ``child`` is.

    ``revive``: starts that again if it has died. ``create_database``: of a server, make the
    database if there is none.
    """
    # Nothing that is configured for a server goes to the private one.
    address = settings.server if child is None else ChromaAddress(LOOPBACK, child.port)
    assert address is not None
    if address.shows_secrets:
        events.emit(
            StoreNotice(
                f"what CHROMA_API_KEY and CHROMA_HEADERS hold travels to {address.host} "
                "unencrypted: see CHROMA_SSL"
            )
        )
    return open_chroma(
        address,
        events,
        create_database=create_database,
        revive=revive,
        stop=None if child is None else child.stop_stuck,
        folder=None if child is None else settings.persist_path,
        give_up_after=settings.give_up_after,
    )
