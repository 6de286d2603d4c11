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
from waypoint.formats.markup.zipped_xml import (
    OLE_MAGIC,
    damaged,
    local_name,
    open_office_zip,
    whole_number,
)
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.office.ooxml import Package, R
from waypoint.formats.office.sheet_rows import Figure, Row, write_sheet
from waypoint.formats.registry import ParsedDocument

MOST_CELLS = 8_000_000
"""Of the area that a sheet's cells lie in: each takes 64 bytes for a while, filled or not."""
MOST_XML_BYTES = 256 * 1024 * 1024
_SAVE_ANEW = "open it in a spreadsheet program and save it anew"
_START_BYTES = 2048
_HTML = re.compile(
    rb"^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|table|meta|head)\b", re.IGNORECASE
)
_CELL = re.compile(rb"<(?:\w+:)?c\s([^<>]*)>")
_PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_STYLE = re.compile(rb'\bs="([0-9]{1,6})"')
_FORMULA_ALONE = re.compile(rb"<f[^<>]*(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
_DRAWING = re.compile(r"xl/drawings/drawing[^/]*\.xml")
_LITERAL = re.compile(r'"[^"]*"|\\.')
_PERCENT_FORMS = (9, 10)
"""Those that every workbook has."""
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
        percentages: dict[str, set[tuple[int, int]]] = {}
        if not (source.lower().endswith(".xls") and data.startswith(OLE_MAGIC)):
            with open_office_zip(source, data, most_xml=MOST_XML_BYTES) as archive:
                _refuse_wide_sheets(source, archive)
                _note_lost_parts(archive, builder.losses)
                try:
                    package = Package(archive)
                    fields = package.properties()
                    percentages = _percentages(package)
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
                        shares = percentages.get(sheet.name, set())
                        write_sheet(builder, sheet.name, _rows(workbook, sheet.name, shares))
        except (CalamineError, PasswordError, ZipError, OSError, ValueError) as error:
            raise DocumentRejectedError(
                source,
                "damaged, encrypted with a password, or not what its suffix says "
                f"({type(error).__name__})",
                hint=f"{_SAVE_ANEW}, without password",
            ) from error
        return builder.parsed(fields)


def _rows(
    workbook: CalamineWorkbook, name: str, percentages: set[tuple[int, int]]
) -> Iterator[Row]:
    """``percentages``: the cells, by row and column from 1 on, that are shown as such."""
    sheet: CalamineSheet = workbook.get_sheet_by_name(name)
    if not (sheet.height and sheet.width and sheet.start):
        return
    first = sheet.start[1] + 1
    for number, row in enumerate(sheet.iter_rows(), 1):
        yield (
            [
                Figure(f"{value * 100:.15g}%")
                if isinstance(value, float) and (number, first + at) in percentages
                else value
                for at, value in enumerate(row)
            ]
            if percentages
            else row
        )


def _percentages(package: Package) -> dict[str, set[tuple[int, int]]]:
    """The cells that are shown as percentages, by sheet."""
    styles = _percent_styles(package)
    found: dict[str, set[tuple[int, int]]] = {}
    if not styles or "xl/workbook.xml" not in package.names:
        return found
    relations = package.relations("xl/workbook.xml")
    for sheet in package.xml("xl/workbook.xml").iter():
        relation = relations.get(sheet.get(f"{R}id", "")) if local_name(sheet) == "sheet" else None
        if relation is None or relation.target not in package.names:
            continue
        cells = set()
        for look in _CELL.findall(package.bytes(relation.target, MOST_XML_BYTES)):
            style, place = _STYLE.search(look), _PLACE.search(look)
            if style and place and int(style[1]) in styles:
                cells.add((int(place[2]), _column(place[1])))
        found[sheet.get("name", "")] = cells
    return found


def _percent_styles(package: Package) -> set[int]:
    """The numbers of the styles whose form of numbers has a per cent sign."""
    if "xl/styles.xml" not in package.names:
        return set()
    root = package.xml("xl/styles.xml")
    forms = set(_PERCENT_FORMS)
    styles: list[int] = []
    for element in root.iter():
        match local_name(element):
            case "numFmt" if "%" in _LITERAL.sub("", element.get("formatCode", "")):
                forms.add(whole_number(element.get("numFmtId"), -1))
            case "cellXfs":
                styles = [whole_number(each.get("numFmtId"), -1) for each in element]
    return {number for number, form in enumerate(styles) if form in forms}


def _refuse_wide_sheets(source: str, archive: ZipFile) -> None:
    """calamine holds the area between a sheet's outermost cells, and dies of too large a one."""
    for name in archive.namelist():
        if not (name.startswith("xl/worksheets/") and name.endswith(".xml")):
            continue
        looks = _CELL.findall(archive.read(name))
        places = [place.groups() for look in looks if (place := _PLACE.search(look))]
        if not places:
            continue
        rows = [int(row) for _, row in places]
        columns = {_column(letters) for letters in {letters for letters, _ in places}}
        height, width = max(rows) - min(rows) + 1, max(columns) - min(columns) + 1
        if height * width > MOST_CELLS:
            raise DocumentRejectedError(
                source,
                f"a sheet of {height:,} rows by {width:,} columns, at most {MOST_CELLS:,} cells",
                hint="delete what lies far from the rest, or split the sheet",
            )


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


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
