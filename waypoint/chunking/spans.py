"""Where a text has its words: spans without white space at either end."""

from __future__ import annotations

import re
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Start and end, in characters of the document's text."""

_WHITE = re.compile(r"\s*")


def trim(text: str, start: int, end: int) -> Span:
    """The span without its leading and trailing white space; ``(end, end)`` if it is all white."""
    match = _WHITE.match(text, start, end)
    assert match is not None
    start = match.end()
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
