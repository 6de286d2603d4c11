"""From a document to chunks: sections by heading first, then pieces of each section."""

from __future__ import annotations

from waypoint.chunking.chunker import Chunker
from waypoint.chunking.plan import ChunkPlan
from waypoint.chunking.settings import ChunkingSettings

__all__ = ["ChunkPlan", "Chunker", "ChunkingSettings"]
