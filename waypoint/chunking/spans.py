"""Where a text has its words: spans without white space at either end."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

Span: TypeAlias = tuple[int, int]
"""Start and end, in characters of the document's text."""

_WHITE = re.compile(r"\s*")


class Piece(NamedTuple):
    """Where a chunk lies, and the table's header that is put before it, if any."""

    start: int
    end: int
    header: Span | None = None

    def text(self, whole: str) -> str:
        """The piece, cut out of the whole text."""
        text = whole[self.start : self.end]
        return text if self.header is None else whole[slice(*self.header)] + text


def trim(text: str, start: int, end: int) -> Span:
    """The span without its leading and trailing white space; ``(end, end)`` if it is all white."""
    match = _WHITE.match(text, start, end)
    assert match is not None
    start = match.end()
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
