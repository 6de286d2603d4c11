"""Tables as text (CSV, TSV): each row a paragraph of ``column: value`` lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

from waypoint.errors import DocumentRejectedError
from waypoint.formats.records.table_layout import (
    Dialect,
    find_delimiter,
    find_layout,
    first_rows,
    parse,
    sample_of,
    tidy,
)
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.normalised import TextBudget, lines_of, read_text

MOST_COLUMNS = 100_000
_ANNOUNCEMENT = re.compile(r"\"?sep=([^\w\s\"]|\t)\"?[ \t]*(?:\n|\Z)", re.IGNORECASE)


class TableReader:
    """Reads CSV and TSV. The first row holds the columns' names, if it looks like that.

    A value is found beside its column's name however wide the table is, and a text in paragraphs
    is cut between rows. Empty cells say nothing and are left out.
    """

    def read(self, source: str, data: bytes) -> ParsedDocument:
        decoded = read_text(source, data)
        text, delimiter = _announced_delimiter(decoded.text)
        warnings = list(decoded.warnings)
        sample = sample_of(text)
        if source.lower().endswith((".tsv", ".tab")) and "\t" in sample:
            delimiter = "\t"
        delimiter = delimiter or find_delimiter(sample)
        _refuse_too_wide(source, text, delimiter)
        try:
            paragraphs = _paragraphs(source, text, Dialect(delimiter))
        except csv.Error as error:
            paragraphs, told = _otherwise(source, text, delimiter, error)
            warnings += told
        return ParsedDocument(paragraphs, warnings=tuple(warnings), encoding=decoded.encoding)


def _otherwise(
    source: str, text: str, delimiter: str, problem: csv.Error
) -> tuple[str, tuple[str, ...]]:
    """Paragraphs of a table whose quotation marks aren't as they should be, and what to tell."""
    if '\\"' in text:
        with suppress(csv.Error):
            return _paragraphs(source, text, Dialect(delimiter, escaped=True)), ()
    try:
        paragraphs = _paragraphs(source, text, Dialect(delimiter, quoted=False))
    except csv.Error as error:
        raise DocumentRejectedError(
            source,
            f"not a table: {error}",
            hint="if it is text without columns, give it the suffix .txt",
        ) from error
    return paragraphs, (f"{problem}: quotation marks are read as characters",)


def _paragraphs(source: str, text: str, dialect: Dialect) -> str:
    """Raises csv.Error, and DocumentRejectedError for too much text."""
    rows = parse(text, dialect)
    first = first_rows(rows)
    layout = find_layout(first)
    budget = TextBudget(source, len(text))
    # Row by row: a row of one character, held as a list, would take a hundred.
    paragraphs = io.StringIO()
    behind = layout.before + (layout.has_names and len(first) > layout.before + 1)
    for row in chain(map(_note, first[:behind][: layout.before]), first[behind:], rows):
        lines = [row] if isinstance(row, str) else _lines(row, layout.names)
        paragraph = "\n".join(budget.spend(lines))
        if paragraph:
            paragraphs.write("\n\n" if paragraphs.tell() else "")
            paragraphs.write(paragraph)
    return paragraphs.getvalue()


def _lines(row: Sequence[str], names: tuple[str, ...]) -> Iterator[str]:
    if len(row) == 1 < len(names) and row[0].startswith("#"):
        yield _note(row)
        return
    for index, cell in enumerate(row):
        value = tidy(cell)
        if value:
            name = names[index] if index < len(names) else ""
            yield f"{name or f'column {index + 1}'}: {value}"


def _note(row: Sequence[str]) -> str:
    """What stands above a table or between its rows and is none of them."""
    return ", ".join(filter(None, map(tidy, row)))


def _announced_delimiter(text: str) -> tuple[str, str]:
    """The text without Excel's first line ``sep=;``, and the delimiter that it tells."""
    announced = _ANNOUNCEMENT.match(text)
    return (text[announced.end() :], announced[1]) if announced else (text, "")


def _refuse_too_wide(source: str, text: str, delimiter: str) -> None:
    if text.count(delimiter) < MOST_COLUMNS:
        return
    for number, line in enumerate(lines_of(text), 1):
        if line.count(delimiter) >= MOST_COLUMNS:
            raise DocumentRejectedError(
                source, f"line {number:,} has more than {MOST_COLUMNS:,} columns"
            )
