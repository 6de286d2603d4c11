"""From a folder to documents: walking it, choosing a reader by format, reading each file."""

from __future__ import annotations

from waypoint.sources.discover import discover
from waypoint.sources.reading import read_document, read_documents
from waypoint.sources.registry import ReaderOptions, ReaderRegistry, default_registry

__all__ = [
    "ReaderOptions",
    "ReaderRegistry",
    "default_registry",
    "discover",
    "read_document",
    "read_documents",
]
