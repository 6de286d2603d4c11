"""Markdown (CommonMark, with GitHub's tables) with YAML front matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# pulldown-cmark, bound: events with byte ranges at 0.04 s per MB, where markdown-it-py needs
# 0.5 s for the blocks alone, more than all other steps of reading and chunking together.
import pyromark

from waypoint.formats.metadata.front_matter import split_front_matter
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.normalised import read_text
from waypoint.models import Block, Heading

MOST_MARKS = 4_000_000
"""Line ends, and characters that may be markup: for each, the parser makes events of 60 to 150
bytes, before the first of them can be looked at. Prose of 50 MB has a million or two."""
_MARKS = "\n#*_>[]`<&|~!-"

_CONTAINERS = frozenset({"List", "BlockQuote"})
_BREAKS = frozenset({"SoftBreak", "HardBreak"})


class MarkdownReader:
    """Reads Markdown; the text keeps its markup."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        decoded = read_text(source, data)
        front_matter = split_front_matter(decoded.text)
        structure = find_structure(front_matter.body)
        return ParsedDocument(
            text=front_matter.body,
            headings=structure.headings,
            blocks=structure.blocks,
            title=front_matter.title,
            metadata=front_matter.metadata,
            warnings=(*decoded.warnings, *front_matter.warnings, *structure.warnings),
            encoding=decoded.encoding,
        )


@dataclass(frozen=True, slots=True)
class Structure:
    """What Markdown's markup says of a text."""

    headings: tuple[Heading, ...]
    """ATX and Setext headings, in order. Those inside lists and block quotes are left out: they
    do not divide the document."""
    blocks: tuple[Block, ...]
    """Tables, and code fenced or indented, in order, wherever they are; in whole lines."""
    warnings: tuple[str, ...] = ()


def find_structure(text: str) -> Structure:
    """The headings and blocks of ``text``, as CommonMark and GitHub define them.

    None, and a warning, where there is so much markup that it is no text any more.
    """
    if len(text) > MOST_MARKS and sum(map(text.count, _MARKS)) > MOST_MARKS:
        return Structure((), (), (f"more than {MOST_MARKS:,} marks: headings are not looked for",))
    return _Finder(text).find()


def find_headings(text: str) -> tuple[Heading, ...]:
    """The headings alone."""
    return find_structure(text).headings


class _Finder:
    """One pass over a parser's events, whose places are counted in bytes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._encoded = text.encode()
        self._ascii = text.isascii()
        self._characters = self._bytes = 0
        self._headings: list[Heading] = []
        self._blocks: list[Block] = []

    def find(self) -> Structure:
        container_end = 0
        level = start = 0
        title: list[str] = []
        event: Any
        for event, span in pyromark.events_with_range(
            self._text, options=pyromark.Options.ENABLE_TABLES
        ):
            # An event is its name, or a dict of its name and what belongs to it.
            if isinstance(event, str):
                if level and event in _BREAKS:
                    title.append(" ")
                continue
            ((kind, value),) = event.items()
            if kind == "Start":
                name, detail = _kind(value)
                if name in _CONTAINERS:
                    container_end = max(container_end, span["end"])
                elif name == "Heading" and span["start"] >= container_end:
                    level, start = int(detail["level"][1:]), span["start"]
                    title = []
                elif name == "CodeBlock":
                    self._add_code(span["start"], span["end"])
                elif name == "Table":
                    self._add_table(span["start"], span["end"])
            elif not level:
                continue
            elif kind in ("Text", "Code"):
                title.append(value)
            elif kind == "End" and _kind(value)[0] == "Heading":
                words = " ".join("".join(title).split())
                self._headings.append(Heading(level, words, self._line_start(start)))
                level = 0
        return Structure(tuple(self._headings), tuple(self._blocks))

    def _add_code(self, start: int, end: int) -> None:
        first, last = self._lines(start, end)
        self._blocks.append(Block("code", first, last, first))

    def _add_table(self, start: int, end: int) -> None:
        first, last = self._lines(start, end)
        names_end = self._text.find("\n", first, last)
        line_end = self._text.find("\n", names_end + 1, last)
        self._blocks.append(Block("table", first, last, line_end + 1 if line_end >= 0 else last))

    def _lines(self, start: int, end: int) -> tuple[int, int]:
        """The whole lines from byte ``start`` to byte ``end``, without empty ones at the end."""
        first = self._line_start(start)
        last = self._offset(end)
        while last > first and self._text[last - 1].isspace():
            last -= 1
        line_end = self._text.find("\n", last)
        return first, len(self._text) if line_end < 0 else line_end

    def _line_start(self, place: int) -> int:
        return self._text.rfind("\n", 0, self._offset(place)) + 1

    def _offset(self, place: int) -> int:
        """The character at byte ``place``; counted on from the last place that was asked for."""
        if self._ascii:
            return place
        if place < self._bytes:
            return self._characters - len(self._encoded[place : self._bytes].decode())
        self._characters += len(self._encoded[self._bytes : place].decode())
        self._bytes = place
        return self._characters


def _kind(event: Any) -> tuple[str, Any]:
    """An event's name and value; pyromark gives a string, or a dict of one entry."""
    if isinstance(event, str):
        return event, None
    ((name, value),) = event.items()
    return name, value
