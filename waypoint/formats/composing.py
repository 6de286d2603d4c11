"""A document's text put together from parts whose structure is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from waypoint.errors import DocumentRejectedError
from waypoint.formats.losses import Losses
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.normalised import MAX_CHARACTERS, normalise_text, too_much_text
from waypoint.models import Block, Heading, MetadataValue, Place

DEEPEST_HEADING = 6
_ITEM_CHARACTERS = 200
"""A longer item of a list is a paragraph: chunks are cut between those."""


@dataclass(frozen=True, slots=True)
class _Last:
    """What the text ends with, for what comes next to it."""

    list_name: object = None
    short: bool = False


class TextBuilder:
    """Writes Markdown, and notes where its headings, tables, code, pages and places are.

    Nothing is found in the text again: a paragraph of Word that begins with ``#`` is none of
    its headings.

    Args:
        source: the file's name, for rejects.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._blocks: list[Block] = []
        self._pages: list[int] = []
        self._places: list[Place] = []
        self._last = _Last()
        self.losses = Losses()
        self.warnings: tuple[str, ...] = ()
        """Beside what was lost."""

    @property
    def characters(self) -> int:
        """Written so far."""
        return self._length

    def require_text(self, since: int = 0) -> None:
        """Refuse a document of which all that there was is lost.

        ``since``: the characters that don't count, written before.
        Raises DocumentRejectedError; an empty document of which nothing is lost is one.
        """
        if self._length == since and (losses := self.losses.warnings()):
            raise DocumentRejectedError(
                self._source,
                f"no text in it: {'; '.join(losses)}",
                hint="save it as PDF, or with its text",
            )

    def heading(self, level: int, title: str) -> None:
        """A heading; level 7 and deeper is 6, as Markdown knows no more."""
        words = " ".join(self._normal(title).split())
        if not words:
            return
        level = min(level, DEEPEST_HEADING)
        start = self._write(f"{'#' * level} {words}")
        self._headings.append(Heading(level, words, start))

    def paragraph(self, text: str) -> None:
        """A paragraph, of one line or more; nothing if it is empty."""
        if text := _tidy(self._normal(text)):
            self._write(text)

    def item(self, marker: str, text: str, *, depth: int = 0, of: object = "") -> None:
        """An item of a list; next to one ``of`` the same list it is a line, not a paragraph."""
        if not (text := _tidy(self._normal(text))):
            return
        indent = "  " * min(depth, 8)
        line = f"{indent}{self._normal(marker)} {text}".replace("\n", f"\n{indent}  ")
        short = len(line) <= _ITEM_CHARACTERS
        if depth and self._last.list_name is not None:
            # A list within a list may well go by a name of its own.
            of = self._last.list_name
        follows = short and self._last.short and self._last.list_name == of
        self._write(line, "\n" if follows else "\n\n")
        self._last = _Last(of, short)

    def table(self, rows: Iterable[Sequence[str]], *, header: bool = True) -> None:
        """A table with the first row as its header, if it has one; empty rows are left out."""
        lines = [[" ".join(self._normal(cell).split()) for cell in row] for row in rows]
        lines = [row for row in lines if any(row)]
        if not lines:
            return
        width = max(map(len, lines))
        if not header:
            lines.insert(0, [""] * width)
        shown = [_table_row(row, width) for row in lines]
        shown.insert(1, "|" + " --- |" * width)
        start = self._write("\n".join(shown))
        header_end = start + len(shown[0]) + len(shown[1]) + 2
        end = self._length
        self._blocks.append(Block("table", start, end, min(header_end, end)))

    def code(self, text: str, language: str = "") -> None:
        """A block of code, fenced by more backticks than are in it."""
        text = self._normal(text).strip("\n")
        if not text.strip():
            return
        fence = "```"
        while fence in text:
            fence += "`"
        start = self._write(f"{fence}{language}\n{text}\n{fence}")
        self._blocks.append(Block("code", start, self._length, start))

    def embed(self, part: ParsedDocument) -> None:
        """A document within this one: with its headings, blocks and warnings, not its fields."""
        self.warnings += part.warnings
        if not part.text.strip():
            return
        start = self._write(part.text)
        self._headings += [replace(each, start=start + each.start) for each in part.headings]
        self._blocks += [
            Block(each.kind, start + each.start, start + each.end, start + each.header_end)
            for each in part.blocks
        ]

    def page(self) -> None:
        """A page begins here."""
        self._pages.append(self._next_start() if self._pages else 0)

    def place(self, name: str, value: MetadataValue) -> None:
        """From here on, ``name`` (sheet, slide, time) is ``value`` in the chunks' metadata."""
        self._places.append(Place(self._next_start(), name, value))

    def parsed(self, fields: FieldCollector | None = None) -> ParsedDocument:
        """The document, with all warnings."""
        fields = fields or FieldCollector()
        length = self._length
        return ParsedDocument(
            text="".join(self._pieces),
            headings=tuple(self._headings),
            blocks=tuple(self._blocks),
            pages=tuple(min(start, length) for start in self._pages),
            places=tuple(place for place in self._places if place.start < length),
            title=fields.title,
            metadata=fields.metadata,
            warnings=(*fields.warnings, *self.warnings, *self.losses.warnings()),
        )

    def _normal(self, text: str) -> str:
        return normalise_text(text, source=self._source)

    def _next_start(self) -> int:
        return self._length + 2 if self._length else 0

    def _write(self, text: str, before: str = "\n\n") -> int:
        """Returns where it starts. Raises DocumentRejectedError for too much text."""
        if self._length:
            self._pieces.append(before)
            self._length += len(before)
        start = self._length
        self._pieces.append(text)
        self._length += len(text)
        self._last = _Last()
        if self._length > MAX_CHARACTERS:
            raise too_much_text(self._source, MAX_CHARACTERS)
        return start


class Sink(Protocol):
    """Takes what is read, in order: a document's text, or the lines of a cell."""

    def heading(self, level: int, title: str) -> None: ...

    def paragraph(self, text: str) -> None: ...

    def item(self, marker: str, text: str, *, depth: int = 0, of: object = "") -> None: ...

    def table(self, rows: Iterable[Sequence[str]]) -> None: ...


class Lines:
    """The text of a cell, a note or a page header, without its structure."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def heading(self, level: int, title: str) -> None:  # noqa: ARG002
        self.lines.append(title)

    def paragraph(self, text: str) -> None:
        self.lines.append(text)

    def item(self, marker: str, text: str, *, depth: int = 0, of: object = "") -> None:  # noqa: ARG002
        self.lines.append(f"{marker} {text}")

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        self.lines += [" | ".join(cell for cell in row if cell) for row in rows]

    def text(self) -> str:
        return "\n".join(line.strip() for line in self.lines if line.strip())


def _tidy(text: str) -> str:
    """Without white space around lines, nor more than one empty line."""
    lines = [line.strip() for line in text.split("\n")]
    return "\n".join(
        line for number, line in enumerate(lines) if line or (number and lines[number - 1])
    ).strip("\n")


def _table_row(cells: Sequence[str], width: int) -> str:
    padded = [*cells, *[""] * (width - len(cells))]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in padded) + " |"
