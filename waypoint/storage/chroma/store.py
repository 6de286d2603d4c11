"""The Chroma adapter.

Facts it builds on were measured with chromadb 1.5.9 (docs/architecture.md): ids whose vector
never changes make every write idempotent, so that a write whose answer was lost is simply
done again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread

from waypoint.models import (
    Chunk,
    EmbeddingSpace,
    Metadata,
    MetadataValue,
    PackedChunks,
    Vectors,
)
from waypoint.observe.events import EventBus
from waypoint.settings import ChromaAddress
from waypoint.storage.chroma.decode import Page
from waypoint.storage.chroma.persisted_function import persisted_function
from waypoint.storage.chroma.probe import ChromaProbe, connect
from waypoint.storage.chroma.requests import (
    RemoteCollection,
    all_pages,
    packed_changes,
    packed_records,
)
from waypoint.storage.chroma.retry import StoreCalls
from waypoint.storage.chroma.service_errors import damaged
from waypoint.storage.index_look import (
    CLOSER_LOOK,
    FIRST_LOOK,
    NEAREST,
    is_damage,
    unfound,
    with_direction,
)
from waypoint.storage.port import CollectionState, Neighbour, StoredChunk, StoredRecords

INDEX: dict[str, object] = {
    "hnsw": {
        "space": "cosine",
        "ef_construction": 100,
        "max_neighbors": 16,
        "ef_search": 200,
        "sync_threshold": 1_000,
    }
}
"""Measured to keep recall@10 at 0.99 up to 100,000 records."""

CLOUD_INDEX: dict[str, object] = {"spann": {"space": "cosine"}}
"""Chroma Cloud has an index of its own kind, and its own values for all else."""


class ChromaStore:
    """A ``VectorStore``: a Chroma server and one of its collections. See :func:`open_chroma`."""

    def __init__(
        self,
        probe: ChromaProbe,
        calls: StoreCalls,
    ) -> None:
        self._probe = probe
        self._calls = calls
        self._limits = probe.limits
        self._collection: RemoteCollection | None = None

    # -- collections ------------------------------------------------------------------------

    async def names(self) -> list[str]:
        """The names of all collections, sorted."""
        return await self._calls.run("list the collections", self._probe.names)

    async def open(self, name: str) -> CollectionState | None:
        """Turn to the collection of that name; None if there is none."""
        self._collection = None
        state = await self._calls.run("open the collection", lambda: self._probe.describe(name))
        if state is not None:
            self._collection = self._probe.collection(state.id)
        return state

    async def find(self, name: str) -> CollectionState | None:
        """As :meth:`open`, of one whose index may not be loadable: it is not counted."""
        self._collection = None
        state = await self._calls.run(
            "find the collection", lambda: self._probe.describe(name, counted=False)
        )
        if state is not None:
            self._collection = self._probe.collection(state.id)
        return state

    def another(self) -> ChromaStore:
        """The same server, for another of its collections."""
        return ChromaStore(self._probe, self._calls)

    async def create(
        self, name: str, space: EmbeddingSpace, metadata: Mapping[str, MetadataValue]
    ) -> CollectionState:
        """Make the collection and turn to it.

        For gemini, an embedding function is persisted with it, so that a client that knows
        nothing of us embeds its questions rightly; see docs/architecture.md.
        """
        index = CLOUD_INDEX if self._probe.address.cloud else INDEX
        configuration = {**index, "embedding_function": persisted_function(space)}

        async def create() -> CollectionState:
            return await self._probe.create(name, configuration, metadata)

        state = await self._calls.run("create the collection", create)
        self._collection = self._probe.collection(state.id)
        return state

    async def drop(self, name: str) -> None:
        """Delete the collection; no error if there is none."""
        self._collection = None
        await self._calls.run("delete the collection", lambda: self._probe.drop(name))

    async def rename(self, name: str) -> None:
        """Give the collection a name that no other has."""
        await self._calls.run("rename the collection", partial(self._here.rename, name))

    async def set_metadata(self, metadata: Mapping[str, MetadataValue]) -> None:
        """Replace the collection's metadata."""
        here = self._here
        await self._calls.run(
            "write the collection's metadata",
            partial(here.modify, metadata=self._limits.divided(metadata)),
        )

    async def count(self) -> int:
        here = self._here
        return await self._calls.run("count", here.count)

    # -- chunks ----------------------------------------------------------------------------

    async def pack(self, chunks: Sequence[Chunk], vectors: Vectors) -> list[PackedChunks]:
        """Make chunks ready for :meth:`upsert`, in a thread, as many parts as calls are needed.

        Apart from it, so that Chroma need not wait for it. ``vectors``: shape (len(chunks),
        dimensions).
        """
        ids = [chunk.id for chunk in chunks]
        metadatas = [chunk.metadata for chunk in chunks]
        documents = [chunk.text for chunk in chunks]
        return await to_thread.run_sync(
            packed_records, ids, vectors, metadatas, documents, self._limits.rows
        )

    async def upsert(self, packed: Sequence[PackedChunks]) -> None:
        """Write chunks with their vectors, whole."""
        here = self._here
        # Each is tried again on its own: what is acknowledged is slow to write a second time.
        for body in packed:
            await self._calls.run("write chunks", partial(here.upsert, body))

    async def update_metadata(
        self, metadata: Mapping[str, Mapping[str, MetadataValue | None]]
    ) -> None:
        """Change metadata of chunks, by id. A value of None removes its key."""
        here, ids, rows = self._here, list(metadata), list(metadata.values())
        for body in await to_thread.run_sync(packed_changes, ids, rows, self._limits.rows):
            await self._calls.run("update metadata", partial(here.update, body))

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete chunks; ids that do not exist do no harm."""
        here = self._here
        for some in _parts(ids, self._limits.rows):
            await self._calls.run("delete chunks", partial(here.delete, some))

    async def metadata_of(self, ids: Sequence[str]) -> dict[str, Metadata]:
        """The metadata of those of the chunks that exist, by id."""
        get = partial(self._here.get, include=["metadatas"])
        pages = await self._by_id("read metadata", get, ids, self._limits.page)
        return {
            chunk_id: fields
            for page in pages
            for chunk_id, fields in zip(page.ids, page.fields(), strict=True)
        }

    async def ids_of(self, source: str) -> list[str]:
        """The ids of all chunks of a document."""
        get = partial(self._here.get, where={"source": source}, include=[])
        return [
            chunk_id
            async for page in self._pages("read ids", get, self._limits.page)
            for chunk_id in page.ids
        ]

    async def stored_chunks(self) -> AsyncIterator[list[StoredChunk]]:
        """All chunks, a page at a time."""
        async for page in self._pages("read chunks", self._here.get, self._limits.vector_page):
            columns = (page.ids, page.texts(), page.fields())
            yield [
                StoredChunk(chunk_id, text or "", fields)
                for chunk_id, text, fields in zip(*columns, strict=True)
            ]

    def _pages(
        self, operation: str, get: Callable[..., Awaitable[Page]], size: int
    ) -> AsyncIterator[Page]:
        run = self._calls.run
        return all_pages(
            lambda offset: run(operation, partial(get, limit=size, offset=offset)),
            size,
            self.count,
        )

    async def ids(self) -> AsyncIterator[list[str]]:
        """All ids, a page at a time."""
        get = partial(self._here.get, include=[])
        async for page in self._pages("read ids", get, self._limits.page):
            yield page.ids

    async def records(self, ids: Sequence[str], *, vectors: bool) -> StoredRecords:
        """Those of the records that exist, in any order."""
        include = ["documents", "metadatas"] + (["embeddings"] if vectors else [])
        get = partial(self._here.get, include=include)
        size = self._limits.vector_page if vectors else self._limits.page
        pages = await self._by_id("read chunks", get, ids, size)
        return StoredRecords(
            [chunk_id for page in pages for chunk_id in page.ids],
            [text for page in pages for text in page.texts()],
            [fields for page in pages for fields in page.fields()],
            _stacked(pages) if vectors else None,
        )

    async def vectors(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """Ids of those that exist, with their vectors: shape (ids, dimensions).

        Raises:
            UnreadableVectorError: the index lacks one of them.
        """
        get = partial(self._here.get, include=["embeddings"])
        pages = await self._by_id("read vectors", get, ids, self._limits.vector_page)
        return [chunk_id for page in pages for chunk_id in page.ids], _stacked(pages)

    async def _by_id(
        self, operation: str, get: Callable[..., Awaitable[Page]], ids: Sequence[str], size: int
    ) -> list[Page]:
        run = self._calls.run
        return [await run(operation, partial(get, some)) for some in _parts(ids, size)]

    def misfit(self, chunk: Chunk) -> str:
        """Why the chunk cannot be stored; empty if it can."""
        return self._limits.misfit(chunk)

    async def nearest(
        self, vectors: Vectors, top: int, where: Mapping[str, Any] | None = None
    ) -> list[list[Neighbour]]:
        """For each vector, of shape (n, dimensions), the chunks nearest to it, nearest first."""
        self._limits.check_conditions(where)
        query = partial(self._here.query, list(vectors), n_results=top, where=where or None)
        return await self._calls.run("search", query)

    async def examine(self) -> None:
        """See whether the index works, by a look at a few chunks; if in doubt, by one at more.

        Raises:
            StoreDamagedError: the index cannot be loaded, lacks vectors of what is stored, or
                does not lead to most of them.
        """
        count = await self.count()
        for look in (FIRST_LOOK, CLOSER_LOOK):
            asked = lost = 0
            for offset in look.offsets(count):
                vectors = await self._stored_vectors(offset, look.together)
                asked += len(vectors)
                lost += len(await self._unfound(vectors))
            if not lost:
                return
        if is_damage(asked, lost):
            raise damaged("find", f"{lost:,} of {asked:,} chunks by their own vectors")

    async def _stored_vectors(self, offset: int, count: int) -> Vectors:
        """Vectors as they are stored, those that have a direction."""
        get = partial(self._here.get, include=["embeddings"], limit=count, offset=offset)
        page = await self._calls.run("read vectors", get)
        return with_direction(page.matrix())

    async def _unfound(self, vectors: Vectors) -> list[int]:
        if not len(vectors):
            return []
        query = partial(self._here.query, list(vectors), n_results=NEAREST)
        return unfound(await self._calls.run("search", query))

    @property
    def _here(self) -> RemoteCollection:
        assert self._collection is not None, "no collection is open"
        return self._collection


def _parts(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    return (list(ids[start : start + size]) for start in range(0, len(ids), size))


def _stacked(pages: Sequence[Page]) -> Vectors:
    """Their vectors; a row of NaN for one that is missing or of another length than most."""
    return Page(
        [chunk_id for page in pages for chunk_id in page.ids],
        embeddings=[row for page in pages for row in page.embeddings or [None] * len(page.ids)],
    ).matrix()


@asynccontextmanager
async def open_chroma(
    address: ChromaAddress,
    events: EventBus,
    *,
    create_database: bool = False,
    revive: Callable[[], Awaitable[bool]] | None = None,
    stop: Callable[[], Awaitable[None]] | None = None,
    folder: Path | None = None,
    give_up_after: float = 120.0,
) -> AsyncIterator[ChromaStore]:
    """A connection to a Chroma server.

    Args:
        create_database: make the address's database if there is none.
        revive: starts the server again if it is ours and dead.
        stop: ends it, if it is ours.
        folder: of a private server, whose disk can be looked at.
        give_up_after: seconds during which a server that went away is tried again.

    Raises:
        StoreUnavailableError: the server cannot be reached, or refuses access.
        ConfigurationError: it has no such database; the certificates cannot be used.
    """
    ours = revive is not None
    async with connect(address, ours=ours, create_database=create_database) as probe:
        yield ChromaStore(
            probe, StoreCalls(events, revive, give_up_after, folder=folder, stop=stop)
        )
