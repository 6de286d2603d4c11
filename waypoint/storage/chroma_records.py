"""What Chroma holds, as the rest of Waypoint sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from waypoint.models import Metadata, Vector, Vectors


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection as Chroma describes it."""

    id: str
    metadata: Metadata
    count: int


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as it is stored."""

    id: str
    source: str
    title: str
    heading_path: str
    text: str
    vector: Vector

    @classmethod
    def of(
        cls,
        chunk_id: str,
        metadata: Mapping[str, object] | None,
        text: str | None,
        vector: Vector,
    ) -> StoredChunk:
        """A record as Chroma answers it; whatever it lacks is empty."""
        fields = metadata or {}
        source, title, path = (
            str(fields.get(name, "")) for name in ("source", "title", "heading_path")
        )
        return cls(chunk_id, source, title, path, text or "", vector)


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
