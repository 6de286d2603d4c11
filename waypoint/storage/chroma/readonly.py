"""Reading a collection as it is: page by page, over plain HTTP, without chromadb's client.

Importing that client takes 0.7 s and more; whoever only reads needs none of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from waypoint.models import Vectors
from waypoint.observe.events import EventBus
from waypoint.storage.chroma.probe import ChromaAddress, ChromaProbe, connect
from waypoint.storage.chroma.requests import RemoteCollection
from waypoint.storage.chroma.retry import StoreCalls
from waypoint.storage.port import CollectionState, Neighbour, StoredRecords

PAGE = 5_000
"""Ids a request: from 32,766 on, Chroma fails with ``too many SQL variables``."""


class CollectionReader:
    """One server, and one of its collections once it is open. Made by :func:`open_reader`.

    All methods raise ``StoreUnavailableError`` for a server that stays away and
    ``StoreDamagedError`` for one that answers but cannot read.
    """

    def __init__(self, probe: ChromaProbe, calls: StoreCalls) -> None:
        self._probe = probe
        self._calls = calls
        self._collection: RemoteCollection | None = None

    async def names(self) -> list[str]:
        """The names of all collections, sorted."""
        return await self._calls.run("list the collections", self._probe.names)

    async def open(self, name: str) -> CollectionState | None:
        """Turn to the collection of that name; None if there is none."""
        state = await self._calls.run("open the collection", lambda: self._probe.describe(name))
        if state is not None:
            self._collection = self._probe.collection(state.id)
        return state

    async def ids(self) -> AsyncIterator[list[str]]:
        """All ids, a page of at most ``PAGE`` at a time."""
        offset = 0
        while True:
            get = partial(self._here.get, include=[], limit=PAGE, offset=offset)
            page = await self._calls.run("read ids", get)
            yield page.ids
            offset += len(page.ids)
            if len(page.ids) < PAGE:
                return

    async def records(self, ids: Sequence[str], *, vectors: bool) -> StoredRecords:
        """Those of the records that exist, in any order; at most ``PAGE`` ids."""
        include = ["documents", "metadatas"] + (["embeddings"] if vectors else [])
        get = partial(self._here.get, list(ids), include=include)
        page = await self._calls.run("read chunks", get)
        rows = page.matrix() if vectors else None
        return StoredRecords(page.ids, page.texts(), page.fields(), rows)

    async def vectors(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """Ids of those that exist, with their vectors: shape (ids, dimensions)."""
        get = partial(self._here.get, list(ids), include=["embeddings"])
        page = await self._calls.run("read vectors", get)
        return page.ids, page.matrix()

    async def nearest(
        self, vectors: Vectors, top: int, where: Mapping[str, Any] | None = None
    ) -> list[list[Neighbour]]:
        """For each vector, of shape (n, dimensions), the chunks nearest to it, nearest first."""
        query = partial(self._here.query, list(vectors), n_results=top, where=where or None)
        return await self._calls.run("search", query)

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete records; ids that do not exist do no harm. At most ``PAGE`` ids."""
        await self._calls.run("delete chunks", partial(self._here.delete, list(ids)))

    @property
    def _here(self) -> RemoteCollection:
        assert self._collection is not None, "no collection is open"
        return self._collection


@asynccontextmanager
async def open_reader(
    host: str,
    port: int,
    events: EventBus,
    *,
    ssl: bool = False,
    revive: Callable[[], Awaitable[bool]] | None = None,
    stop: Callable[[], Awaitable[None]] | None = None,
    folder: Path | None = None,
    give_up_after: float = 120.0,
) -> AsyncIterator[CollectionReader]:
    """A connection to a Chroma server, for reading.

    Args:
        revive: starts the server again if it is ours and dead.
        stop: ends it, if it is ours.
        folder: of a private server, whose disk can be looked at.
        give_up_after: seconds during which a server that went away is tried again.

    Raises:
        StoreUnavailableError: the server cannot be reached.
    """
    address = ChromaAddress(host, port, ssl)
    async with connect(address, ours=revive is not None) as client:
        probe = ChromaProbe(address, client)
        calls = StoreCalls(events, revive, give_up_after, folder=folder, stop=stop)
        yield CollectionReader(probe, calls)
