"""From a document to chunks: sections by heading first, then pieces of each section."""

from __future__ import annotations

from waypoint.chunking.chunker import Chunker
from waypoint.chunking.context import context_header
from waypoint.chunking.ids import is_named_after
from waypoint.chunking.limit import InputLimit
from waypoint.chunking.plan import ChunkPlan
from waypoint.chunking.settings import CHARACTERS, ChunkingSettings, SizeUnit, embeds_context

__all__ = [
    "CHARACTERS",
    "ChunkPlan",
    "Chunker",
    "ChunkingSettings",
    "InputLimit",
    "SizeUnit",
    "context_header",
    "embeds_context",
    "is_named_after",
]
