"""Sheets of OpenDocument (ODS): a section for each sheet, a paragraph for each row."""

from __future__ import annotations

from collections.abc import Iterator

from waypoint.formats.composing import TextBuilder
from waypoint.formats.markup.zipped_xml import Element, local_name, whole_number
from waypoint.formats.office.odf import (
    DRAW,
    OFFICE,
    STYLE,
    TABLE,
    TEXT,
    Inline,
    OpenDocument,
    read_open_document,
    rows_of,
)
from waypoint.formats.office.sheet_rows import Figure, Row, Span, Value, spread_down, write_sheet
from waypoint.formats.registry import ParsedDocument

_MOST_COLUMNS = 16_384
_NUMBERS = ("float", "percentage", "currency", "boolean", "time")


class OdsReader:
    """Reads what cells show, of formulas their last values. Hidden sheets are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        return read_open_document(source, data, _write)


def _write(document: OpenDocument, builder: TextBuilder) -> None:
    for table in document.body("spreadsheet").findall(f"{TABLE}table"):
        style = document.style("table", table.get(f"{TABLE}style-name"))
        look = None if style is None else style.find(f"{STYLE}table-properties")
        if look is not None and look.get(f"{TABLE}display") == "false":
            builder.losses.add("hidden sheets left out")
            continue
        write_sheet(builder, table.get(f"{TABLE}name", ""), _rows(document, table))
        for shapes in table.findall(f"{TABLE}shapes"):
            _note_drawn(document, shapes, builder)


def _rows(document: OpenDocument, table: Element) -> Iterator[Row]:
    spans: dict[int, list[Span]] = {}
    return spread_down(_rows_alone(document, table, spans), spans)


def _rows_alone(
    document: OpenDocument, table: Element, spans: dict[int, list[Span]]
) -> Iterator[Row]:
    """Rows that are the same stand once in the file, with their number."""
    number = 0
    for row in rows_of(table):
        values, heights = _values(document, row)
        if heights:
            spans[number] = [Span(at, number + height - 1) for at, height in heights.items()]
        times = whole_number(row.get(f"{TABLE}number-rows-repeated"), 1)
        for _ in range(max(1, times) if values else 1):
            yield values
            number += 1


def _values(document: OpenDocument, row: Element) -> tuple[list[Value], dict[int, int]]:
    """The cells of a row; and by its column the height of each that is merged with those below."""
    values: list[Value] = []
    heights: dict[int, int] = {}
    empty = 0
    for cell in row:
        if not local_name(cell).endswith("table-cell"):
            continue
        times = max(1, whole_number(cell.get(f"{TABLE}number-columns-repeated"), 1))
        value = _value(document, cell)
        if value == "":
            empty += times
            continue
        # Empty cells reach to the last column; only those before a value say where it is.
        values += [""] * min(empty, _MOST_COLUMNS - len(values))
        height = whole_number(cell.get(f"{TABLE}number-rows-spanned"), 1)
        if height > 1 and whole_number(cell.get(f"{TABLE}number-columns-spanned"), 1) == 1:
            heights[len(values)] = height
        values += [value] * min(times, _MOST_COLUMNS - len(values))
        empty = 0
    return values, heights


def _value(document: OpenDocument, cell: Element) -> Value:
    lines = []
    for paragraph in cell.findall(f"{TEXT}p"):
        inline = Inline()
        inline.pieces.append(("", paragraph.text or ""))
        document.read(paragraph, inline)
        lines.append(inline.text)
    for child in cell:
        if child.tag.startswith((DRAW, OFFICE)):
            document.read([child], Inline())
    text = "\n".join(lines).strip()
    kind = cell.get(f"{OFFICE}value-type", "string")
    if kind == "date":
        return Figure(cell.get(f"{OFFICE}date-value", text).replace("T", " "))
    return Figure(text) if kind in _NUMBERS and text else text


def _note_drawn(document: OpenDocument, shapes: Element, builder: TextBuilder) -> None:
    inline = Inline()
    for shape in shapes:
        document.drawn(shape, inline)
    for box in inline.boxes:
        for paragraph in box.iter(f"{TEXT}p"):
            builder.paragraph("".join(paragraph.itertext()))
