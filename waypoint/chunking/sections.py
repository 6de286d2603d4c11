"""A document's sections, with the tiny ones joined to their neighbours."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from waypoint.chunking.ruler import Ruler
from waypoint.chunking.settings import ChunkingSettings
from waypoint.chunking.spans import Span, trim
from waypoint.models import Heading

_SECTION_LEVEL = 2
"""Headings down to this level begin a section."""

_MOST_TITLE_CHARACTERS = 200
"""What metadata keep of a heading: they are stored, and sent, with each of its chunks."""

PATH_SEPARATOR = " > "


def find_sections(
    text: str,
    headings: Sequence[Heading],
    settings: ChunkingSettings,
    apart: Container[int] = (),
    edges: Sequence[int] = (),
) -> list[Span]:
    """Spans, in order, that no chunk crosses and that together hold all but white space.

    A tiny section (a heading alone, mostly) is joined to what follows; the last one is joined to
    what comes before it, if both fit into a chunk. One that starts at a place in ``apart``, as a
    slide or a sheet does, is never joined to what comes before it. At ``edges`` a section begins
    without a heading.
    """
    ruler = Ruler(text, settings.unit)
    sections: list[Span] = []
    pending: Span | None = None
    for start, end in _between(text, headings, edges):
        if pending is not None and start in apart:
            sections.append(pending)
            pending = None
        joined = start if pending is None else pending[0]
        if ruler.fits(joined, end, settings.tiny - 1):
            pending = joined, end
        else:
            sections.append((joined, end))
            pending = None
    if pending is not None:
        start, end = pending
        if sections and start not in apart and ruler.fits(sections[-1][0], end, settings.size):
            start = sections.pop()[0]
        sections.append((start, end))
    return sections


def _between(text: str, headings: Sequence[Heading], edges: Sequence[int]) -> Iterator[Span]:
    starts = [each.start for each in headings if each.level <= _SECTION_LEVEL]
    if edges:
        starts = sorted({*starts, *edges})
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        trimmed = trim(text, start, end)
        if trimmed[0] < trimmed[1]:
            yield trimmed


class Place(NamedTuple):
    """What a place in the text belongs to; empty where there is none."""

    section: str = ""
    """The nearest H2 in force."""
    subsection: str = ""
    """The nearest H3 or H4 in force."""
    path: str = ""
    """All headings in force, from the highest level down, joined by `` > ``."""


class HeadingTrail:
    """Which headings are in force at a place in the text."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        self._starts = [each.start for each in headings]
        self._places = list(_places(headings))

    def at(self, offset: int) -> Place:
        """What ``offset`` belongs to.

        A heading is in force from its own line until one of its level or above.
        """
        index = bisect_right(self._starts, offset)
        return self._places[index - 1] if index else Place()


def _places(headings: Sequence[Heading]) -> Iterator[Place]:
    in_force: dict[int, str] = {}
    for each in headings:
        in_force = {level: title for level, title in in_force.items() if level < each.level}
        in_force[each.level] = _shortened(each.title)
        path = PATH_SEPARATOR.join(title for title in in_force.values() if title)
        subsection = in_force.get(4) or in_force.get(3, "")
        yield Place(in_force.get(2, ""), subsection, path)


def _shortened(title: str) -> str:
    if len(title) <= _MOST_TITLE_CHARACTERS:
        return title
    return title[: _MOST_TITLE_CHARACTERS - 1] + "…"
