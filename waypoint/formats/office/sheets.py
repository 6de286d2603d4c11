"""Workbooks of Excel (XLSX, XLS): a section for each sheet, a paragraph for each row."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from zipfile import ZipFile

# Rust, kept, MIT: values of all of Excel's formats, 200,000 cells in 0.3 s; see docs/formats.md.
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
    ZipError,
)

from waypoint.errors import DocumentRejectedError
from waypoint.formats.composing import TextBuilder
from waypoint.formats.losses import Losses
from waypoint.formats.markup.html import HtmlReader
from waypoint.formats.markup.zipped_xml import OLE_MAGIC, damaged, open_office_zip
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.office.ooxml import Package
from waypoint.formats.office.sheet_looks import (
    CELL,
    PLACE,
    Looks,
    column_of,
    looks_of,
    place_of,
    shown_as,
)
from waypoint.formats.office.sheet_rows import Row, Span, spread_down, write_sheet
from waypoint.formats.registry import ParsedDocument

MOST_CELLS = 8_000_000
"""Of the area that a sheet's cells lie in: each takes 64 bytes for a while, filled or not."""
MOST_XML_BYTES = 256 * 1024 * 1024
_SAVE_ANEW = "open it in a spreadsheet program and save it anew"
_START_BYTES = 2048
_HTML = re.compile(
    rb"^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|table|meta|head)\b", re.IGNORECASE
)
_FORMULA_ALONE = re.compile(rb"<f[^<>]*(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
_DRAWING = re.compile(r"xl/drawings/drawing[^/]*\.xml")
_LOST_PARTS = (
    (re.compile(r"xl/charts/chart[^/]*\.xml"), "charts not read"),
    (re.compile(r"xl/comments[^/]*\.xml"), "sheets whose comments are left out"),
    (re.compile(r"xl/media/"), "images not read"),
    (re.compile(r"xl/embeddings/"), "embedded objects not read"),
)


class SheetReader:
    """Reads what cells show, of formulas their last values. Hidden sheets are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        if _HTML.search(data[:_START_BYTES]):
            # Many programs export a web page and name it .xls, as Excel opens it all the same.
            return HtmlReader().read(source, data)
        builder = TextBuilder(source)
        fields = FieldCollector()
        looks: dict[str, Looks] = {}
        if not (source.lower().endswith(".xls") and data.startswith(OLE_MAGIC)):
            with open_office_zip(source, data, most_xml=MOST_XML_BYTES) as archive:
                _refuse_wide_sheets(source, archive)
                _note_lost_parts(archive, builder.losses)
                try:
                    package = Package(archive)
                    fields = package.properties()
                    looks = looks_of(package, MOST_XML_BYTES)
                except Exception as error:  # anything may be wrong with it
                    raise damaged(source, error) from error
        try:
            with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
                for sheet in workbook.sheets_metadata:
                    if sheet.visible != SheetVisibleEnum.Visible:
                        builder.losses.add("hidden sheets left out")
                    elif sheet.typ != SheetTypeEnum.WorkSheet:
                        builder.losses.add("sheets that are charts or programs not read")
                    else:
                        rows = _rows(workbook, sheet.name, looks.get(sheet.name, {}))
                        write_sheet(builder, sheet.name, rows)
        except (CalamineError, PasswordError, ZipError, OSError, ValueError) as error:
            raise DocumentRejectedError(
                source,
                "damaged, encrypted with a password, or not what its suffix says "
                f"({type(error).__name__})",
                hint=f"{_SAVE_ANEW}, without password",
            ) from error
        return builder.parsed(fields)


def _rows(workbook: CalamineWorkbook, name: str, looks: Looks) -> Iterator[Row]:
    sheet: CalamineSheet = workbook.get_sheet_by_name(name)
    if not (sheet.height and sheet.width and sheet.start):
        return iter(())
    first = sheet.start[1]
    spans: dict[int, list[Span]] = {}
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if left == right and bottom > top:
            spans.setdefault(top, []).append(Span(left - first, bottom))
    rows: Iterator[Row] = sheet.iter_rows()
    if looks:
        rows = (
            [
                shown_as(value, looks.get(place_of(number, first + at)))
                for at, value in enumerate(row, 1)
            ]
            for number, row in enumerate(rows, 1)
        )
    return spread_down(rows, spans) if spans else rows


def _refuse_wide_sheets(source: str, archive: ZipFile) -> None:
    """calamine holds the area between a sheet's outermost cells, and dies of too large a one."""
    for name in archive.namelist():
        if not (name.startswith("xl/worksheets/") and name.endswith(".xml")):
            continue
        looks = CELL.findall(archive.read(name))
        places = [place.groups() for look in looks if (place := PLACE.search(look))]
        if not places:
            continue
        rows = [int(row) for _, row in places]
        columns = {column_of(letters) for letters in {letters for letters, _ in places}}
        height, width = max(rows) - min(rows) + 1, max(columns) - min(columns) + 1
        if height * width > MOST_CELLS:
            raise DocumentRejectedError(
                source,
                f"a sheet of {height:,} rows by {width:,} columns, at most {MOST_CELLS:,} cells",
                hint="delete what lies far from the rest, or split the sheet",
            )


def _note_lost_parts(archive: ZipFile, losses: Losses) -> None:
    for name in archive.namelist():
        if _DRAWING.match(name) and b"<a:t>" in archive.read(name):
            losses.add("sheets whose text boxes are not read")
        for pattern, what in _LOST_PARTS:
            if pattern.match(name):
                losses.add(what)
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            for _ in _FORMULA_ALONE.finditer(archive.read(name)):
                losses.add("formulas whose values are not in the file")
