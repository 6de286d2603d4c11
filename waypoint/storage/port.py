"""What is asked of a vector store, and what it answers: all that Waypoint does to a collection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from waypoint.errors import StoreDamagedError
from waypoint.models import (
    Chunk,
    EmbeddingSpace,
    Metadata,
    MetadataValue,
    PackedChunks,
    Vectors,
)

UNCOUNTED = -1
"""In place of the number of a collection's records, where it was not asked for."""


class UnreadableVectorError(StoreDamagedError):
    """The index lacks a vector of those that were asked for; others may be there."""


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection as the store describes it."""

    id: str
    metadata: Metadata
    count: int


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as it is stored, without its vector; whatever it lacks is empty."""

    id: str
    text: str
    metadata: Metadata

    @property
    def source(self) -> str:
        return self.field("source")

    def field(self, name: str) -> str:
        """A field of its metadata, as text."""
        return str(self.metadata.get(name, ""))


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk found by its vector."""

    id: str
    text: str
    metadata: Metadata
    distance: float
    """Cosine distance: 0 for the same direction, 2 for the opposite one."""


@dataclass(frozen=True, slots=True)
class StoredRecords:
    """A page of records as they are stored, whatever may be wrong with them."""

    ids: Sequence[str]
    texts: Sequence[str | None]
    metadatas: Sequence[Metadata]
    """Empty for a record without metadata."""
    vectors: Vectors | None
    """Shape (records, dimensions); None if they were not asked for. A row of NaN stands for a
    vector that is missing or of another length."""


class VectorStore(Protocol):
    """A store, and one of its collections once that is open.

    Every method may be called twice without harm, since an id's vector never changes: a call
    whose answer was lost is made again. Ids that do not exist do no harm. All raise
    ``StoreUnavailableError`` for a store that stays away, ``StoreDamagedError`` for one that
    answers but cannot work, and ``StoreWriteError`` for one without room.
    """

    # -- collections

    async def names(self) -> list[str]:
        """The names of all collections, sorted."""
        ...

    async def open(self, name: str) -> CollectionState | None:
        """Turn to the collection of that name; None if there is none."""
        ...

    async def find(self, name: str) -> CollectionState | None:
        """As ``open``, of one whose index may not be loadable: it is not counted."""
        ...

    def another(self) -> VectorStore:
        """The same store, for another of its collections."""
        ...

    async def create(
        self, name: str, space: EmbeddingSpace, metadata: Mapping[str, MetadataValue]
    ) -> CollectionState:
        """Make the collection, for vectors of this space, and turn to it."""
        ...

    async def drop(self, name: str) -> None:
        """Delete the collection; no error if there is none."""
        ...

    async def rename(self, name: str) -> None:
        """Give the collection a name that no other has."""
        ...

    async def set_metadata(self, metadata: Mapping[str, MetadataValue]) -> None:
        """Replace the collection's own metadata."""
        ...

    async def count(self) -> int: ...

    async def examine(self) -> None:
        """See whether chunks are found by their own vectors, by a look at some.

        Raises:
            StoreDamagedError: most are not.
        """
        ...

    # -- writing

    def misfit(self, chunk: Chunk) -> str:
        """Why the store cannot hold a chunk, in words; empty if it can."""
        ...

    async def pack(self, chunks: Sequence[Chunk], vectors: Vectors) -> Sequence[PackedChunks]:
        """Make chunks ready for ``upsert``; ``vectors``: shape (len(chunks), dimensions)."""
        ...

    async def upsert(self, packed: Sequence[PackedChunks]) -> None:
        """Write chunks with their vectors, whole."""
        ...

    async def update_metadata(
        self, metadata: Mapping[str, Mapping[str, MetadataValue | None]]
    ) -> None:
        """Change metadata of chunks, by id. A value of None removes its key."""
        ...

    async def delete(self, ids: Sequence[str]) -> None: ...

    # -- reading

    async def metadata_of(self, ids: Sequence[str]) -> dict[str, Metadata]:
        """The metadata of those of the chunks that exist, by id."""
        ...

    async def ids_of(self, source: str) -> list[str]:
        """The ids of all chunks of a document."""
        ...

    def ids(self) -> AsyncIterator[list[str]]:
        """All ids, a page at a time."""
        ...

    def stored_chunks(self) -> AsyncIterator[list[StoredChunk]]:
        """All chunks without their vectors, a page at a time."""
        ...

    async def records(self, ids: Sequence[str], *, vectors: bool) -> StoredRecords:
        """Those of the records that exist, in any order."""
        ...

    async def vectors(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """Ids of those that exist, with their vectors: shape (ids, dimensions).

        Raises:
            UnreadableVectorError: the index lacks one of them.
        """
        ...

    async def nearest(
        self, vectors: Vectors, top: int, where: Mapping[str, Any] | None = None
    ) -> list[list[Neighbour]]:
        """For each vector, of shape (n, dimensions), the chunks nearest to it, nearest first."""
        ...
