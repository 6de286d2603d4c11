"""The Chroma adapter.

Facts it builds on were measured with chromadb 1.5.9 (docs/architecture.md): ids whose vector
never changes make every write idempotent, so that a write whose answer was lost is simply
done again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from anyio import to_thread

from waypoint.events import EventBus
from waypoint.models import (
    Chunk,
    EmbeddingSpace,
    Metadata,
    MetadataValue,
    PackedChunks,
    Vector,
    Vectors,
)
from waypoint.storage.chroma_calls import StoreCalls
from waypoint.storage.chroma_collection import RemoteCollection, packed_changes, packed_records
from waypoint.storage.chroma_errors import damaged
from waypoint.storage.chroma_probe import ChromaAddress, ChromaProbe, connect
from waypoint.storage.chroma_records import CollectionState, Neighbour, StoredChunk
from waypoint.storage.persisted_function import persisted_function

PAGE = 5_000
"""Ids a request: from 32,766 on, Chroma fails with ``too many SQL variables``."""

VECTOR_PAGE = 1_000
"""Records a request when vectors come with them: about 5 MB at 768 dimensions."""

SAME = 1e-3
"""Cosine distance below which two vectors are the same; float32 rounds at about 1e-7."""

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


class ChromaStore:
    """A Chroma server and one of its collections. Made by :func:`open_chroma`."""

    def __init__(
        self,
        probe: ChromaProbe,
        calls: StoreCalls,
    ) -> None:
        self._probe = probe
        self._calls = calls
        self._collection: RemoteCollection | None = None

    # -- the collection as a whole ---------------------------------------------------------

    async def open(self, name: str) -> CollectionState | None:
        """Turn to the collection of that name; None if there is none."""
        self._collection = None
        state = await self._calls.run("open the collection", lambda: self._probe.describe(name))
        if state is not None:
            self._collection = self._probe.collection(state.id)
        return state

    async def create(
        self, name: str, space: EmbeddingSpace, metadata: Mapping[str, MetadataValue]
    ) -> CollectionState:
        """Make the collection and turn to it.

        For gemini, an embedding function is persisted with it, so that a client that knows
        nothing of us embeds its questions rightly; see docs/architecture.md.
        """
        configuration = {**INDEX, "embedding_function": persisted_function(space)}

        async def create() -> CollectionState:
            return await self._probe.create(name, configuration, metadata)

        state = await self._calls.run("create the collection", create)
        self._collection = self._probe.collection(state.id)
        return state

    async def drop(self, name: str) -> None:
        """Delete the collection; no error if there is none."""
        self._collection = None
        await self._calls.run("delete the collection", lambda: self._probe.drop(name))

    async def set_metadata(self, metadata: Mapping[str, MetadataValue]) -> None:
        """Replace the collection's metadata."""
        here = self._here
        await self._calls.run(
            "write the collection's metadata", partial(here.modify, metadata=dict(metadata))
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
        return await to_thread.run_sync(packed_records, ids, vectors, metadatas, documents)

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
        for body in await to_thread.run_sync(packed_changes, ids, rows):
            await self._calls.run("update metadata", partial(here.update, body))

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete chunks; ids that do not exist do no harm."""
        here = self._here
        for start in range(0, len(ids), PAGE):
            some = list(ids[start : start + PAGE])
            await self._calls.run("delete chunks", partial(here.delete, some))

    async def metadata_of(self, ids: Sequence[str]) -> dict[str, Metadata]:
        """The metadata of those of the chunks that exist, by id; at most ``PAGE`` ids."""
        if not ids:
            return {}
        here = self._here
        found = await self._calls.run(
            "read metadata", lambda: here.get(ids=list(ids), include=["metadatas"])
        )
        return dict(zip(found.ids, found.fields(), strict=True))

    async def ids_of(self, source: str) -> list[str]:
        """The ids of all chunks of a document."""
        here = self._here
        ids: list[str] = []
        while True:
            page = await self._calls.run(
                "read ids",
                lambda: here.get(where={"source": source}, include=[], limit=PAGE, offset=len(ids)),
            )
            ids.extend(page.ids)
            if len(page.ids) < PAGE:
                return ids

    async def stored_chunks(self) -> AsyncIterator[list[StoredChunk]]:
        """All chunks with their vectors, a page at a time."""
        here = self._here
        offset = 0
        while True:
            page = await self._calls.run(
                "read chunks",
                partial(
                    here.get,
                    include=["metadatas", "documents", "embeddings"],
                    limit=VECTOR_PAGE,
                    offset=offset,
                ),
            )
            columns = (page.ids, page.fields(), page.texts(), page.matrix())
            yield [StoredChunk.of(*row) for row in zip(*columns, strict=True)]
            offset += len(page.ids)
            if len(page.ids) < VECTOR_PAGE:
                return

    async def nearest(self, vector: Vector, top: int) -> list[Neighbour]:
        """The chunks nearest to a vector of shape (dimensions,), nearest first."""
        here = self._here
        found = await self._calls.run(
            "search", lambda: here.query(query_embeddings=[vector], n_results=top)
        )
        return found[0]

    async def examine(self, samples: Mapping[str, Vector]) -> None:
        """See whether the index works: each sample must be found by its own vector.

        Args:
            samples: ids of stored chunks with the vectors they were stored with; the index is
                loaded and asked even if there are none.

        Raises:
            StoreDamagedError: the index cannot be loaded, or does not find what it holds.
        """
        here = self._here
        await self._calls.run("read a chunk", partial(here.get, limit=1, include=["embeddings"]))
        for chunk_id, vector in samples.items():
            found = await self.nearest(vector, 5)
            if not any(neighbour.distance < SAME for neighbour in found):
                raise damaged("find", f"chunk {chunk_id} is not found by its own vector")

    @property
    def _here(self) -> RemoteCollection:
        assert self._collection is not None, "no collection is open"
        return self._collection


@asynccontextmanager
async def open_chroma(
    host: str,
    port: int,
    events: EventBus,
    *,
    ssl: bool = False,
    revive: Callable[[], Awaitable[bool]] | None = None,
    stop: Callable[[], Awaitable[None]] | None = None,
    folder: Path | None = None,
    give_up_after: float = 120.0,
) -> AsyncIterator[ChromaStore]:
    """A connection to a Chroma server.

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
        yield ChromaStore(
            ChromaProbe(address, client),
            StoreCalls(events, revive, give_up_after, folder=folder, stop=stop),
        )
