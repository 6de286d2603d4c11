"""From a folder to documents: walking it, choosing a reader by format, reading each file."""

from __future__ import annotations

from waypoint.sources.discover import discover
from waypoint.sources.reading import read_document
from waypoint.sources.registry import ReaderRegistry, default_registry

__all__ = ["ReaderRegistry", "default_registry", "discover", "read_document"]
