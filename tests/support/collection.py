"""What a collection holds, read without Waypoint's own adapter, and what it ought to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import numpy as np

from waypoint.chunking import Chunker, ChunkingSettings
from waypoint.errors import RecordRejectedError
from waypoint.formats.read_file import read_documents
from waypoint.formats.registry import default_registry
from waypoint.models import Chunk, MetadataValue, SourceFile, Vector, Vectors
from waypoint.simulator import Embedder
from waypoint.sources.discover import discover
from waypoint.storage.chroma.child import run_chroma_child
from waypoint.storage.lock import StoreLock

MODEL = "gemini-embedding-001"
DIMENSIONS = 768
SIMULATED = "waypoint_kb_simulated"

_MAX_FILE_SIZE = 50 * 1024 * 1024
_PAGE = 500
_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record of a collection."""

    text: str
    metadata: Mapping[str, MetadataValue]
    vector: Vector


# asyncio's runner asks for the repr of what it returns: of thousands of vectors, seconds.
@dataclass(frozen=True, slots=True, repr=False)
class StoredCollection:
    """A collection, whole."""

    metadata: Mapping[str, Any]
    records: Mapping[str, StoredRecord]

    def sources(self) -> set[str]:
        """The documents its records are of."""
        return {str(record.metadata["source"]) for record in self.records.values()}


def read_embedded(folder: Path, log_folder: Path, name: str = SIMULATED) -> StoredCollection:
    """A collection of an embedded store that nobody has open. Fails if there is none."""
    return anyio.run(read_embedded_async, folder, log_folder, name)


async def read_embedded_async(
    folder: Path, log_folder: Path, name: str = SIMULATED
) -> StoredCollection:
    """The same, on an event loop that runs already."""
    with StoreLock(folder) as lock:
        async with run_chroma_child(folder, log_folder, lock.descriptor) as child:
            return await read_from(f"http://127.0.0.1:{child.port}", name)


async def read_from(
    server: str, name: str = SIMULATED, *, collections: str = _COLLECTIONS
) -> StoredCollection:
    """A collection of a server. Fails if there is none.

    ``collections``: the path of those of its database.
    """
    async with httpx2.AsyncClient(base_url=server, timeout=60) as client:
        found = await client.get(f"{collections}/{name}")
        found.raise_for_status()
        described = found.json()
        records: dict[str, StoredRecord] = {}
        while True:
            answer = await client.post(
                f"{collections}/{described['id']}/get",
                json={
                    "include": ["metadatas", "documents", "embeddings"],
                    "limit": _PAGE,
                    "offset": len(records),
                },
            )
            answer.raise_for_status()
            page = answer.json()
            columns = page["documents"], page["metadatas"], page["embeddings"]
            for chunk_id, text, metadata, vector in zip(page["ids"], *columns, strict=True):
                records[chunk_id] = StoredRecord(text, metadata, np.array(vector, np.float32))
            if len(page["ids"]) < _PAGE:
                return StoredCollection(described["metadata"], records)


def chunks_of(
    folder: Path, *, size: int = 600, overlap: int = 90, context_headers: bool = False
) -> dict[str, Chunk]:
    """The chunks of all files of a folder, and of all records that can be read, by id."""
    registry = default_registry()
    chunker = Chunker(ChunkingSettings(size, overlap, context_headers=context_headers))
    chunks: dict[str, Chunk] = {}
    for file in discover(folder, registry=registry, max_file_size=_MAX_FILE_SIZE):
        assert isinstance(file, SourceFile), file
        documents = read_documents(file, registry=registry, max_file_size=_MAX_FILE_SIZE)
        for document in documents:
            if isinstance(document, RecordRejectedError):
                continue
            chunks.update((chunk.id, chunk) for chunk in chunker.plan(document).chunks())
    return chunks


def simulated_vectors(texts: Iterable[str]) -> Vectors:
    """What the simulator answers, brought to unit length: shape (texts, 768)."""
    vectors = Embedder(MODEL).vectors(list(texts), DIMENSIONS)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def assert_holds(collection: StoredCollection, chunks: Mapping[str, Chunk]) -> None:
    """The collection is these chunks, with their metadata and their own vectors: no more,
    no less."""
    assert collection.records.keys() == chunks.keys()
    for chunk_id, chunk in chunks.items():
        assert collection.records[chunk_id].text == chunk.text
        assert collection.records[chunk_id].metadata == chunk.metadata
    if not chunks:
        return
    vectors = np.stack([collection.records[chunk_id].vector for chunk_id in chunks])
    assert vectors.shape == (len(chunks), DIMENSIONS)
    wanted = simulated_vectors(
        f"{chunk.context}\n\n{chunk.text}" if chunk.context else chunk.text
        for chunk in chunks.values()
    )
    np.testing.assert_allclose(vectors, wanted, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
