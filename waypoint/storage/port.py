"""What Chroma holds, as the rest of Waypoint sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waypoint.models import Metadata, Vectors

UNCOUNTED = -1
"""In place of the number of a collection's records, where it was not asked for."""


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection as Chroma describes it."""

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
