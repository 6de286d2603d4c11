"""Small documents for tests that are not about reading."""

from __future__ import annotations

from pathlib import Path

from waypoint.models import Document, SourceFile


def source_file(source: str, *, size: int = 100, version: str = "v1") -> SourceFile:
    """A file as the walk saw it."""
    return SourceFile(source, Path("/knowledge") / source, size, version)


def document(source: str | SourceFile, *, digest: str = "d1") -> Document:
    """A document that was read in the version that the walk saw."""
    file = source_file(source) if isinstance(source, str) else source
    return Document(
        file=file,
        doc_id=file.source,
        title=file.source,
        text="text",
        headings=(),
        metadata={},
        digest=digest,
    )
