"""A document's sections, with the tiny ones joined to their neighbours."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from waypoint.chunking.spans import Span, trim
from waypoint.models import Heading

_SECTION_LEVEL = 2
"""Headings down to this level begin a section."""


def find_sections(text: str, headings: Sequence[Heading], *, tiny: int, size: int) -> list[Span]:
    """Spans, in order, that no chunk crosses and that together hold all but white space.

    A section shorter than ``tiny`` (a heading alone, mostly) is joined to what follows; the last
    one is joined to what comes before it, if both fit into ``size``.
    """
    sections: list[Span] = []
    pending: int | None = None
    for start, end in _between_headings(text, headings):
        joined = start if pending is None else pending
        if end - joined < tiny:
            pending = joined
        else:
            sections.append((joined, end))
            pending = None
    if pending is not None:
        end = trim(text, pending, len(text))[1]
        if sections and end - sections[-1][0] <= size:
            pending = sections.pop()[0]
        sections.append((pending, end))
    return sections


def _between_headings(text: str, headings: Sequence[Heading]) -> Iterator[Span]:
    starts = [each.start for each in headings if each.level <= _SECTION_LEVEL]
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        trimmed = trim(text, start, end)
        if trimmed[0] < trimmed[1]:
            yield trimmed


class HeadingTrail:
    """Which section and subsection a place in the text belongs to."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        self._starts = [each.start for each in headings]
        self._trails = list(_trails(headings))

    def at(self, offset: int) -> tuple[str, str]:
        """The nearest H2 and the nearest H3 or H4 in force at ``offset``; empty if there is none.

        A heading is in force from its own line until one of its level or above.
        """
        index = bisect_right(self._starts, offset)
        return self._trails[index - 1] if index else ("", "")


def _trails(headings: Sequence[Heading]) -> Iterator[tuple[str, str]]:
    section, subsection = "", ["", ""]
    for each in headings:
        if each.level == 1:
            section, subsection = "", ["", ""]
        elif each.level == 2:
            section, subsection = each.title, ["", ""]
        elif each.level == 3:
            subsection = [each.title, ""]
        elif each.level == 4:
            subsection = [subsection[0], each.title]
        yield section, subsection[1] or subsection[0]
