"""What the pipeline needs of a vector store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from waypoint.models import (
    Chunk,
    Metadata,
    MetadataValue,
    PackedChunks,
    Vectors,
)


class VectorStore(Protocol):
    """One open collection. Every method may be done twice without harm.

    All raise ``StoreUnavailableError`` for a store that stays away and ``StoreDamagedError``
    for one that answers but cannot work.
    """

    async def pack(self, chunks: Sequence[Chunk], vectors: Vectors) -> Sequence[PackedChunks]:
        """Make chunks ready for ``upsert``; ``vectors``: shape (len(chunks), dimensions)."""
        ...

    async def upsert(self, packed: Sequence[PackedChunks]) -> None:
        """Write chunks with their vectors."""
        ...

    async def update_metadata(
        self, metadata: Mapping[str, Mapping[str, MetadataValue | None]]
    ) -> None:
        """Change metadata of chunks, by id. A value of None removes its key."""
        ...

    async def delete(self, ids: Sequence[str]) -> None: ...

    async def metadata_of(self, ids: Sequence[str]) -> dict[str, Metadata]:
        """The metadata of those of the chunks that exist, by id."""
        ...

    async def ids_of(self, source: str) -> list[str]:
        """The ids of all chunks of a document."""
        ...
