"""What Chroma holds, as the rest of Waypoint sees it."""

from __future__ import annotations

from dataclasses import dataclass

from waypoint.models import Metadata, MetadataValue, Vector


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection as Chroma describes it."""

    id: str
    metadata: dict[str, MetadataValue]
    count: int


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as it is stored."""

    id: str
    source: str
    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk found by its vector."""

    id: str
    text: str
    metadata: Metadata
    distance: float
    """Cosine distance: 0 for the same direction, 2 for the opposite one."""
