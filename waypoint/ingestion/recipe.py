"""What a collection is made with, and how its metadata say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from waypoint.embedding.providers import is_known
from waypoint.models import EmbeddingSpace, MetadataValue

SCHEMA = 1
"""Of the metadata that chunks and collections carry."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a collection is made with; two recipes never share one."""

    space: EmbeddingSpace
    chunking: str
    """The chunker's fingerprint."""

    def metadata(self) -> dict[str, MetadataValue]:
        """As it is kept in the collection's metadata."""
        return {
            "waypoint_schema": SCHEMA,
            "waypoint_provider": self.space.provider,
            "waypoint_model": self.space.model,
            "waypoint_dimensions": self.space.dimensions,
            "waypoint_task_type": self.space.task_type,
            "waypoint_chunking": self.chunking,
        }


def space_of(metadata: Mapping[str, MetadataValue]) -> EmbeddingSpace | None:
    """The space of a collection's vectors, as its metadata say; None if they don't."""
    match metadata:
        case {
            "waypoint_provider": str(provider),
            "waypoint_model": str(model),
            "waypoint_dimensions": int(dimensions),
            "waypoint_task_type": str(task_type),
        } if dimensions > 0:
            space = EmbeddingSpace(provider, model, dimensions, task_type)
            return space if is_known(space) else None
    return None
