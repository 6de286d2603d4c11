"""The Chroma adapter: the only file that imports chromadb's client.

Facts it builds on were measured with chromadb 1.5.9 (docs/architecture.md): ids whose vector
never changes make every write idempotent, so that a write whose answer was lost is simply
done again.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import anyio
import httpx
import numpy as np
from anyio import to_thread

from waypoint.errors import StoreUnavailableError
from waypoint.events import EventBus
from waypoint.models import Chunk, EmbeddingSpace, Metadata, MetadataValue, Vector, Vectors
from waypoint.storage.chroma_calls import CALL_TIMEOUT, StoreCalls
from waypoint.storage.chroma_errors import damaged
from waypoint.storage.chroma_probe import ChromaAddress, ChromaProbe
from waypoint.storage.chroma_records import CollectionState, Neighbour, StoredChunk

if TYPE_CHECKING:
    from chromadb.api import AsyncClientAPI
    from chromadb.api.models.AsyncCollection import AsyncCollection

PAGE = 5_000
"""Ids a request: from 32,766 on, Chroma fails with ``too many SQL variables``."""

VECTOR_PAGE = 1_000
"""Records a request when vectors come with them: about 5 MB at 768 dimensions."""

SAME = 1e-3
"""Cosine distance below which two vectors are the same; float32 rounds at about 1e-7."""

INDEX = {
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
    """A Chroma server and one of its collections. Made by :func:`open_chroma`.

    chromadb is imported, and its client built, when the first operation needs it: that takes
    0.7 s and more, which a run that finds nothing changed does not have to wait for.
    """

    def __init__(
        self,
        probe: ChromaProbe,
        calls: StoreCalls,
    ) -> None:
        self._probe = probe
        self._calls = calls
        self._client: AsyncClientAPI | None = None
        self._name = ""
        self._collection: AsyncCollection | None = None

    # -- the collection as a whole ---------------------------------------------------------

    async def open(self, name: str) -> CollectionState | None:
        """Turn to the collection of that name; None if there is none."""
        self._name, self._collection = name, None
        return await self._calls.run("open the collection", lambda: self._probe.describe(name))

    async def create(
        self, name: str, space: EmbeddingSpace, metadata: Mapping[str, MetadataValue]
    ) -> CollectionState:
        """Make the collection and turn to it.

        For gemini, an embedding function is persisted with it, so that a client that knows
        nothing of us embeds its questions rightly; see docs/architecture.md.
        """
        client = await self._connected()
        from waypoint.storage.persisted_function import PersistedGeminiFunction

        function = PersistedGeminiFunction(space) if space.provider == "gemini" else None

        async def create() -> CollectionState:
            collection = await client.create_collection(
                name,
                # A copy: the client puts the embedding function into it.
                configuration=cast(Any, dict(INDEX)),
                metadata=dict(metadata),
                embedding_function=cast(Any, function),
                get_or_create=True,
            )
            self._name, self._collection = name, collection
            found = cast("dict[str, MetadataValue]", collection.metadata or {})
            return CollectionState(str(collection.id), dict(found), await collection.count())

        return await self._calls.run("create the collection", create)

    async def drop(self, name: str) -> None:
        """Delete the collection; no error if there is none."""
        self._collection = None
        await self._calls.run("delete the collection", lambda: self._probe.drop(name))

    async def set_metadata(self, metadata: Mapping[str, MetadataValue]) -> None:
        """Replace the collection's metadata."""
        here = await self._here()
        await self._calls.run(
            "write the collection's metadata", partial(here.modify, metadata=dict(metadata))
        )

    async def count(self) -> int:
        here = await self._here()
        return await self._calls.run("count", here.count)

    # -- chunks ----------------------------------------------------------------------------

    async def upsert(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Write chunks with their vectors; ``vectors``: shape (len(chunks), dimensions)."""
        here = await self._here()
        write = partial(
            here.upsert,
            ids=[chunk.id for chunk in chunks],
            embeddings=cast(Any, vectors),
            metadatas=cast(Any, [chunk.metadata for chunk in chunks]),
            documents=[chunk.text for chunk in chunks],
        )
        await self._calls.run("write chunks", write)

    async def update_metadata(
        self, metadata: Mapping[str, Mapping[str, MetadataValue | None]]
    ) -> None:
        """Change metadata of chunks, by id. A value of None removes its key."""
        here, ids = await self._here(), list(metadata)
        for start in range(0, len(ids), PAGE):
            some = ids[start : start + PAGE]
            rows = cast(Any, [dict(metadata[chunk_id]) for chunk_id in some])
            await self._calls.run("update metadata", partial(here.update, some, metadatas=rows))

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete chunks; ids that do not exist do no harm."""
        here = await self._here()
        for start in range(0, len(ids), PAGE):
            some = list(ids[start : start + PAGE])
            await self._calls.run("delete chunks", partial(here.delete, some))

    async def metadata_of(self, ids: Sequence[str]) -> dict[str, Metadata]:
        """The metadata of those of the chunks that exist, by id; at most ``PAGE`` ids."""
        if not ids:
            return {}
        here = await self._here()
        found = await self._calls.run(
            "read metadata", lambda: here.get(ids=list(ids), include=["metadatas"])
        )
        metadatas = found["metadatas"] or []
        return dict(zip(found["ids"], cast(Any, metadatas), strict=True))

    async def ids_of(self, source: str) -> list[str]:
        """The ids of all chunks of a document."""
        here = await self._here()
        ids: list[str] = []
        while True:
            page = await self._calls.run(
                "read ids",
                lambda: here.get(where={"source": source}, include=[], limit=PAGE, offset=len(ids)),
            )
            ids.extend(page["ids"])
            if len(page["ids"]) < PAGE:
                return ids

    async def stored_chunks(self) -> AsyncIterator[list[StoredChunk]]:
        """All chunks with their vectors, a page at a time."""
        here = await self._here()
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
            vectors = np.asarray(page["embeddings"], dtype=np.float32)
            columns = (page["ids"], page["metadatas"] or [], page["documents"] or [], vectors)
            yield [StoredChunk.of(*row) for row in zip(*columns, strict=True)]
            offset += len(page["ids"])
            if len(page["ids"]) < VECTOR_PAGE:
                return

    async def nearest(self, vector: Vector, top: int) -> list[Neighbour]:
        """The chunks nearest to a vector of shape (dimensions,), nearest first."""
        here = await self._here()
        found = await self._calls.run(
            "search", lambda: here.query(query_embeddings=cast(Any, [vector]), n_results=top)
        )
        columns = (found["ids"], found["documents"], found["metadatas"], found["distances"])
        rows = zip(*(cast(Any, column)[0] for column in columns), strict=True)
        return [Neighbour(*row) for row in rows]

    async def examine(self, samples: Mapping[str, Vector]) -> None:
        """See whether the index works: each sample must be found by its own vector.

        Args:
            samples: ids of stored chunks with the vectors they were stored with; the index is
                loaded and asked even if there are none.

        Raises:
            StoreDamagedError: the index cannot be loaded, or does not find what it holds.
        """
        here = await self._here()
        await self._calls.run("read a chunk", partial(here.get, limit=1, include=["embeddings"]))
        for chunk_id, vector in samples.items():
            found = await self.nearest(vector, 5)
            if not any(neighbour.distance < SAME for neighbour in found):
                raise damaged("find", f"chunk {chunk_id} is not found by its own vector")

    # -- the client ------------------------------------------------------------------------

    async def _connected(self) -> AsyncClientAPI:
        if self._client is None:
            chromadb: Any = await to_thread.run_sync(lambda: importlib.import_module("chromadb"))
            address = self._probe.address

            async def connect() -> AsyncClientAPI:
                try:
                    client = await chromadb.AsyncHttpClient(
                        host=address.host, port=address.port, ssl=address.ssl
                    )
                    return cast("AsyncClientAPI", client)
                except ValueError as error:
                    # It hides what it met behind advice; a server that went away is no ValueError.
                    if isinstance(error.__context__, Exception):
                        raise error.__context__ from None
                    raise

            self._client = await self._calls.run("connect", connect)
        return self._client

    async def _here(self) -> AsyncCollection:
        if self._collection is None:
            client = await self._connected()
            # None: a persisted embedding function would ask for its key.
            get = partial(client.get_collection, self._name, embedding_function=None)
            self._collection = await self._calls.run("open the collection", get)
        return self._collection


@asynccontextmanager
async def open_chroma(
    host: str,
    port: int,
    events: EventBus,
    *,
    ssl: bool = False,
    revive: Callable[[], Awaitable[bool]] | None = None,
    give_up_after: float = 120.0,
) -> AsyncIterator[ChromaStore]:
    """A connection to a Chroma server.

    Args:
        revive: starts the server again if it is ours and dead.
        give_up_after: seconds during which a server that went away is tried again.

    Raises:
        StoreUnavailableError: the server cannot be reached.
    """
    address = ChromaAddress(host, port, ssl)
    async with httpx.AsyncClient(base_url=address.url, timeout=CALL_TIMEOUT) as http_client:
        probe = ChromaProbe(address, http_client)
        try:
            await probe.heartbeat()
        except httpx.HTTPError as error:
            raise StoreUnavailableError(
                f"no Chroma server answers at {address} ({type(error).__name__})",
                hint="start it (`chroma run`), correct CHROMA_HOST and CHROMA_PORT, or unset "
                "CHROMA_HOST to use the embedded store",
            ) from error
        try:
            yield ChromaStore(probe, StoreCalls(events, revive, give_up_after))
        finally:
            with anyio.CancelScope(shield=True):
                await _close_client()


async def _close_client() -> None:
    """chromadb's client has no close of its own: its connections are kept by event loop."""
    module = sys.modules.get("chromadb.api.async_fastapi")
    if module is None:
        return
    clients = module.AsyncFastAPI._clients
    http_client = clients.pop(asyncio.get_running_loop().__hash__(), None)
    if http_client is not None:
        await http_client.aclose()
