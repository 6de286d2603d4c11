"""What is said of a chunk's place, in front of the text that is embedded."""

from __future__ import annotations

from collections.abc import Sequence

from waypoint.chunking.sections import PATH_SEPARATOR, HeadingTrail
from waypoint.models import Heading

_MOST_CHARACTERS = 400
"""Room has to be left for the text; the beginning and the end say most."""


def context_header(title: str, heading_path: str) -> str:
    """Title and heading path in one line, the title once: ``Title > Section > Sub``."""
    if not heading_path:
        context = title
    elif not title or f"{heading_path}{PATH_SEPARATOR}".startswith(f"{title}{PATH_SEPARATOR}"):
        context = heading_path
    else:
        context = f"{title}{PATH_SEPARATOR}{heading_path}"
    if len(context) <= _MOST_CHARACTERS:
        return context
    half = _MOST_CHARACTERS // 2
    return f"{context[: half - 1]}…{context[-half:]}"


class ContextHeaders:
    """The context headers of one document; empty ones if they are not wanted."""

    def __init__(self, title: str, headings: Sequence[Heading], *, wanted: bool) -> None:
        self._title = title
        self._trail = HeadingTrail(headings) if wanted else None

    def at(self, offset: int) -> str:
        """That of a chunk which begins at ``offset``."""
        if self._trail is None:
            return ""
        return context_header(self._title, self._trail.at(offset).path)
