"""The stores that keep the contract of ``VectorStore``, and chunks to put into them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import numpy as np

from tests.support.memory_store import MemoryCollections, MemoryStore
from waypoint.models import Chunk, EmbeddingSpace, MetadataValue, Vectors
from waypoint.observe.events import EventBus
from waypoint.settings import ChromaAddress
from waypoint.storage.chroma.store import open_chroma
from waypoint.storage.port import VectorStore

DIMENSIONS = 8
GEMINI = EmbeddingSpace("gemini", "gemini-embedding-001", DIMENSIONS, "RETRIEVAL_DOCUMENT")
SIMULATED = EmbeddingSpace("simulator", "gemini-embedding-001", DIMENSIONS, "RETRIEVAL_DOCUMENT")

Server: TypeAlias = int | MemoryCollections
"""Where a store is: the port of a Chroma server, or collections in memory."""


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[VectorStore]:
    """A store without a collection."""
    if isinstance(server, MemoryCollections):
        yield MemoryStore(server)
        return
    async with open_chroma(ChromaAddress("127.0.0.1", server), EventBus()) as store:
        yield store


@asynccontextmanager
async def collection(
    server: Server, space: EmbeddingSpace = SIMULATED
) -> AsyncIterator[VectorStore]:
    """A store turned to a new collection of its own."""
    async with connected(server) as store:
        await store.create(f"kb-{secrets.token_hex(8)}", space, {"schema": 1})
        yield store


def chunk(number: int, *, source: str = "a.md", **metadata: MetadataValue) -> Chunk:
    """A chunk of a document."""
    fields: dict[str, MetadataValue] = {"source": source, "chunk_index": number, **metadata}
    return Chunk(f"{source}:{number}", source, f"text {number}", fields)


def vectors_of(numbers: Sequence[int]) -> Vectors:
    """A unit vector for each number, the same one every time: shape (n, DIMENSIONS)."""
    rows = [np.random.default_rng(number).normal(size=DIMENSIONS) for number in numbers]
    return np.array([row / np.linalg.norm(row) for row in rows], np.float32)


async def write(store: VectorStore, *chunks: Chunk) -> None:
    """Write chunks with the vectors of their indexes."""
    vectors = vectors_of([int(each.metadata["chunk_index"]) for each in chunks])
    await store.upsert(await store.pack(chunks, vectors))
