"""Plain text: all of it is body."""

from __future__ import annotations

from waypoint.sources.registry import ParsedDocument
from waypoint.sources.text import decode_text


class PlainTextReader:
    """Reads text without structure. reStructuredText is read so too, its markup kept."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        return ParsedDocument(decode_text(source, data))
