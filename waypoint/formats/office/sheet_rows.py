"""Rows of a sheet as text: each a paragraph of ``column: value`` lines, as those of a CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from waypoint.formats.composing import TextBuilder
from waypoint.formats.records.table_layout import SAMPLE_ROWS, Layout, find_layout

SHEET_LEVEL = 2
"""The heading of a sheet, or of a slide: a section."""
_ROWS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as its sheet shows it: ``25 %``, ``1,250.00 €``."""

    text: str


Value = Figure | str | int | float | bool | date | datetime | time | timedelta
Row = Sequence[Value]


class Span(NamedTuple):
    """A cell that is merged with those below it. Rows and columns count from 0."""

    column: int
    last_row: int


def spread_down(rows: Iterable[Row], spans: Mapping[int, Sequence[Span]]) -> Iterator[Row]:
    """The rows, a merged cell in each of its rows that says anything else.

    ``spans``: by the row they begin in; looked at when that row comes.
    """
    carried: dict[int, tuple[int, Value]] = {}
    for number, row in enumerate(rows):
        if carried and any(map(_is_filled, row)):
            values = list(row)
            for column, (_, value) in carried.items():
                values += [""] * (column + 1 - len(values))
                values[column] = values[column] if _is_filled(values[column]) else value
            row = values  # noqa: PLW2901 - the same row, filled
        for span in spans.get(number, ()):
            if 0 <= span.column < len(row) and _is_filled(row[span.column]):
                carried[span.column] = span.last_row, row[span.column]
        carried = {column: each for column, each in carried.items() if each[0] > number}
        yield row


def write_sheet(builder: TextBuilder, name: str, rows: Iterable[Row]) -> None:
    """A section of that name, and in it the sheet's tables, which empty rows divide.

    A table's columns have their names as those of a CSV do; what stands above those is text.
    """
    begun = False
    columns: list[str] = []
    for table in _tables(rows):
        if not begun:
            begun = True
            builder.place("sheet", name)
            builder.heading(SHEET_LEVEL, name)
        columns = _write_table(builder, table, columns)


def _tables(rows: Iterable[Row]) -> Iterator[list[Row]]:
    table: list[Row] = []
    for row in rows:
        if any(_is_filled(value) for value in row):
            table.append(row)
        elif table:
            yield table
            table = []
    if table:
        yield table


def _write_table(builder: TextBuilder, table: list[Row], before: list[str]) -> list[str]:
    """``before``: the columns of the table above, which may go on. Returns this one's."""
    if _are_pairs(table):
        for row in table:
            builder.paragraph(": ".join(shown(value) for value in row if _is_filled(value)))
        return before
    layout = find_layout([_cells(row) for row in table[:SAMPLE_ROWS]])
    begin = layout.before + layout.has_names
    if begin >= len(table):
        layout, begin = Layout(0), 0
    columns = list(layout.names) if layout.has_names else before
    for row in table[: layout.before]:
        builder.paragraph(" ".join(filter(None, _cells(row))))
    for row in table[begin:]:
        cells = _cells(row)
        filled = [number for number, cell in enumerate(cells) if cell]
        if len(filled) == 1 and not layout.has_names:
            builder.paragraph(cells[filled[0]])
        else:
            builder.paragraph(
                "\n".join(f"{_name(columns, number)}: {cells[number]}" for number in filled)
            )
    return columns


def _cells(row: Row) -> list[str]:
    """What is shown, up to the last cell that is not empty; there is one."""
    cells = [shown(value) for value in row]
    while len(cells) > 1 and not cells[-1]:
        cells.pop()
    return cells


def _name(columns: Sequence[str], number: int) -> str:
    return (columns[number] if number < len(columns) else "") or f"column {number + 1}"


def _are_pairs(rows: Sequence[Row]) -> bool:
    """Whether rows say what they are about, then a value: words in one, a number in the next."""
    second: set[bool] = set()
    for row in rows[:_ROWS_LOOKED_AT]:
        filled = [value for value in row if _is_filled(value)]
        if len(filled) != 2 or not isinstance(filled[0], str):
            return False
        second.add(isinstance(filled[1], str))
    # Words all the way down, or numbers below a word: those are a column with its name.
    values = [[value for value in row if _is_filled(value)][1] for row in rows[1:_ROWS_LOOKED_AT]]
    return len(second) == 2 and any(isinstance(value, str) for value in values)


def _is_filled(value: Value) -> bool:
    return bool(value.strip()) if isinstance(value, str) else True


def shown(value: Value) -> str:
    """A value as a sheet shows it: 15 digits of a number, dates in ISO 8601."""
    match value:
        case Figure():
            return " ".join(value.text.split())
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return f"{value:.15g}" if abs(value) < 1e15 else repr(value)
        case datetime():
            return value.isoformat(" ", "seconds")
        case date() | time():
            return value.isoformat()
        case timedelta():
            seconds = round(value.total_seconds())
            return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case _:
            return " ".join(str(value).split())
