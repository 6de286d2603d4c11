"""The store of a run: a configured Chroma server, or a private one over the locked folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from waypoint.events import EventBus
from waypoint.settings import StoreSettings
from waypoint.storage.chroma import ChromaStore, open_chroma
from waypoint.storage.chroma_child import run_chroma_child
from waypoint.storage.lock import StoreLock


@asynccontextmanager
async def open_store(
    settings: StoreSettings, lock: StoreLock, log_folder: Path, events: EventBus
) -> AsyncIterator[ChromaStore]:
    """Connect to Chroma; the private server, if any, starts and ends with the context.

    Raises:
        StoreUnavailableError: it does not start, or cannot be reached.
    """
    if settings.host is not None:
        async with open_chroma(settings.host, settings.port, events, ssl=settings.ssl) as store:
            yield store
        return
    async with (
        run_chroma_child(settings.persist_path, log_folder, lock.descriptor) as child,
        open_chroma("127.0.0.1", child.port, events, revive=child.revive) as store,
    ):
        yield store
