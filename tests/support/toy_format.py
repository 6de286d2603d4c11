"""A format of our own: a title, a line of dashes, and paragraphs that end in a full stop."""

from __future__ import annotations

from waypoint.errors import DocumentRejectedError
from waypoint.formats.registry import Format, ParsedDocument
from waypoint.formats.text.normalised import normalise_text

SAMPLE = b"Harbour\r\n-----\r\nShips come in at noon.\r\nThey leave by night.\r\n"


class ToyReader:
    """Reads it."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        """As ``Reader.read``."""
        try:
            title, dashes, text = normalise_text(data.decode()).split("\n", 2)
        except ValueError:
            raise DocumentRejectedError(source, "no title and no text") from None
        if set(dashes) != {"-"}:
            raise DocumentRejectedError(source, "no line of dashes below the title")
        return ParsedDocument(text.replace(".\n", ".\n\n").strip(), title=title)


TOY = Format("toy", (".toy",), "tests.support.toy_format:ToyReader")
