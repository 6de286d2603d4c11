"""Formats: from the bytes of a file to documents; a reader a format, one table of them."""

from __future__ import annotations

from waypoint.formats.read_file import read_document, read_documents
from waypoint.formats.registry import ReaderOptions, ReaderRegistry, default_registry

__all__ = ["ReaderOptions", "ReaderRegistry", "default_registry", "read_document", "read_documents"]
