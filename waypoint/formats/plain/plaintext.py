"""Plain text: all of it is body."""

from __future__ import annotations

from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.normalised import read_text


class PlainTextReader:
    """Reads text without structure. reStructuredText is read so too, its markup kept."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        decoded = read_text(source, data)
        return ParsedDocument(decoded.text, warnings=decoded.warnings, encoding=decoded.encoding)
