"""Small documents for tests that are not about reading."""

from __future__ import annotations

from pathlib import Path

from waypoint.models import Document, SourceFile

NOON = 1_800_000_000_000_000_000
"""Nanoseconds since the epoch."""
SECOND = 1_000_000_000


def source_file(source: str, *, size: int = 100, mtime_ns: int = NOON) -> SourceFile:
    """A file as the walk saw it."""
    return SourceFile(source, Path("/knowledge") / source, size, mtime_ns, mtime_ns)


def document(
    source: str | SourceFile, *, read_at_ns: int = NOON + 60 * SECOND, digest: str = "d1"
) -> Document:
    """A document that was read a minute after it was written, if nothing else is said."""
    file = source_file(source) if isinstance(source, str) else source
    return Document(
        file=file,
        doc_id=file.source,
        title=file.source,
        text="text",
        headings=(),
        metadata={},
        digest=digest,
        read_at_ns=read_at_ns,
    )
