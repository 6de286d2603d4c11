"""The store of a run: a configured Chroma server, or a private one over the locked folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread

from waypoint.errors import StoreDamagedError, StoreUnavailableError
from waypoint.events import EventBus, StoreNotice
from waypoint.settings import StoreSettings
from waypoint.storage.chroma import ChromaStore, open_chroma
from waypoint.storage.chroma_child import ChromaChild, run_chroma_child
from waypoint.storage.lock import StoreLock
from waypoint.storage.set_aside import chroma_files, collection_names, set_aside


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
        """Start the server; over files it cannot open, start it over none."""
        try:
            await self._child.start()
        except StoreUnavailableError:
            # Whatever killed it may have been no fault of the files: only a second death is.
            await self._start_again()

    async def _start_again(self) -> None:
        try:
            await self._child.start()
        except StoreUnavailableError:
            # Without files there is nothing that could be damaged: it is something else.
            if not await to_thread.run_sync(chroma_files, self._folder):
                raise
            await self.set_aside()

    async def revive(self) -> bool:
        """Start a server that died, once; what kills it a second time is what it holds.

        Raises:
            StoreDamagedError: it died again.
        """
        # Noted first: a second signal may cancel its revival.
        self._has_died |= self._child.ended
        try:
            revived = await self._child.revive()
        except StoreUnavailableError as error:
            raise StoreDamagedError(error.message, hint=error.hint) from error
        return revived

    async def set_aside(self) -> None:
        """Move Chroma's files away and start over none; says what went with them."""
        await self._child.stop()
        names = await to_thread.run_sync(collection_names, self._folder)
        files = await to_thread.run_sync(chroma_files, self._folder)
        target = await to_thread.run_sync(set_aside, self._folder, files)
        held = "its collections could not be read" if names is None else ", ".join(names) or "none"
        self._events.emit(
            StoreNotice(
                f"Chroma's files in {self._folder} are damaged and were moved to {target.name}; "
                f"collections that go with them: {held}"
            )
        )
        await self._child.restart()


@asynccontextmanager
async def open_store(
    settings: StoreSettings, lock: StoreLock, log_folder: Path, events: EventBus
) -> AsyncIterator[tuple[ChromaStore, EmbeddedStore | None]]:
    """Connect to Chroma; the private server, if any, starts and ends with the context.

    Raises:
        StoreUnavailableError: it does not start, or cannot be reached.
    """
    if settings.host is not None:
        async with open_chroma(
            settings.host,
            settings.port,
            events,
            ssl=settings.ssl,
            give_up_after=settings.give_up_after,
        ) as store:
            yield store, None
        return
    async with run_chroma_child(
        settings.persist_path, log_folder, lock.descriptor, started=False
    ) as child:
        embedded = EmbeddedStore(settings.persist_path, child, events)
        await embedded.start()
        async with open_chroma(
            "127.0.0.1",
            child.port,
            events,
            revive=embedded.revive,
            folder=settings.persist_path,
            give_up_after=settings.give_up_after,
        ) as store:
            yield store, embedded
