# ruff: noqa: E501, DTZ001 - an element of XML a line; sheets know no time zones
"""Workbooks of Excel: what their cells show, a section for each sheet."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from tests.support.office_files import cells, sheet_file, zip_file
from tests.support.old_sheet import OLD_SHEET
from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.formats.office import sheets
from waypoint.formats.office.sheet_rows import shown
from waypoint.models import Place

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def test_each_row_is_a_paragraph_below_its_sheet() -> None:
    """With the names of its columns; the sheet's name is a heading, and in the metadata."""
    parsed = read_one(
        "a.xlsx",
        sheet_file(
            {
                "Dues": cells(["berth", "fee"], ["North", 12.5], ["South", 3]),
                "Empty": "",
                "Notes": cells(["Paid by the tonne."]),
            }
        ),
    )
    assert parsed.text == (
        "## Dues\n\nberth: North\nfee: 12.5\n\nberth: South\nfee: 3\n\n"
        "## Notes\n\nPaid by the tonne."
    )
    assert [each.title for each in parsed.headings] == ["Dues", "Notes"]
    notes = parsed.text.index("## Notes")
    assert parsed.places == (Place(0, "sheet", "Dues"), Place(notes, "sheet", "Notes"))
    assert parsed.warnings == ()
    assert_sound(parsed)


def test_dates_are_dates_and_formulas_their_values() -> None:
    """A date is a number with a form; a formula that was never calculated is told."""
    rows = cells(["day", "at", "sum"]) + (
        '<row r="2"><c r="A2" s="1"><v>45360</v></c><c r="B2" s="2"><v>45360.5625</v></c>'
        '<c r="C2"><f>SUM(1,2)</f><v>3</v></c></row>'
        '<row r="3"><c r="C3"><f>SUM(4,5)</f></c></row>'
    )
    parsed = read_one("a.xlsx", sheet_file({"S": rows}))
    assert parsed.text.endswith("day: 2024-03-09\nat: 2024-03-09 13:30:00\nsum: 3")
    assert parsed.warnings == ("formulas whose values are not in the file: 1",)


def test_percentages_are_what_the_sheet_shows() -> None:
    """A quarter is 25 per cent; so is one whose form of numbers is the file's own."""
    rows = '<row r="2"><c r="B2"><v>0.25</v></c><c r="C2" s="3"><v>0.25</v></c></row>'
    rows += '<row r="3"><c s="3" r="C3"><v>1.5</v></c></row>'
    parsed = read_one("a.xlsx", sheet_file({"S": rows}))
    assert parsed.text == "## S\n\ncolumn 1: 0.25\ncolumn 2: 25%\n\n150%"


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ('#,##0.00 "€"', 1250.5, "1250.5 €"),
        ("_-* #,##0.00 [$€-407]_-;-* #,##0.00 [$€-407]_-;_-@_-", 99.9, "99.9 €"),
        ("[$$-409]#,##0.00;[RED]-[$$-409]#,##0.00", -1250.5, "-$1250.5"),
        ("$#,##0_);[Red]($#,##0)", -7, "-$7"),
        ('0.0" km"', 12.25, "12.25 km"),
        ('General" kg"', 3.5, "3.5 kg"),
        ('"Q"0', 3, "Q3"),
        ("00000", 1067, "01067"),
        ('#,##0.0,,"M"', 1234567, "1.234567M"),
        ("0.0%;-0.0%", -0.253, "-25.3%"),
        # what they add is not the same for all, or more than a unit
        ('[<1000]0" g";0.0," kg"', 1500, "1500"),
        ('"Gain "0;"Loss "0', -5, "-5"),
        ("#,##0.00", 1250.5, "1250.5"),
        ("0.00E+00", 1250.5, "1250.5"),
        ("# ?/?", 0.5, "0.5"),
        ("@", 1067, "1067"),
    ],
)
def test_units_are_what_the_sheet_shows(form: str, value: float, text: str) -> None:
    """Currencies, units, zeros in front; all digits, also where fewer are shown."""
    named = form.replace('"', "&quot;").replace("<", "&lt;")
    styles = f'<numFmts><numFmt numFmtId="170" formatCode="{named}"/></numFmts>'
    styles += '<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs>'
    styles = f'<styleSheet xmlns="{SHEET}">{styles}</styleSheet>'
    rows = f'<row r="1"><c r="A1" s="1"><v>{value}</v></c></row>'
    data = sheet_file({"S": rows}, more={"xl/styles.xml": styles.encode()})
    assert read_one("a.xlsx", data).text == f"## S\n\n{text}"


def test_errors_are_what_the_sheet_shows() -> None:
    """With and without their formulas; a text that looks like one is a text."""
    rows = cells(["item", "a", "b", "c"])
    rows += '<row r="2"><c r="A2" t="inlineStr"><is><t>Bolt</t></is></c>'
    rows += '<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="C2" t="e"><v>#N/A</v></c>'
    rows += '<c r="D2"><v>1</v></c></row>'
    text = read_one("a.xlsx", sheet_file({"S": rows})).text
    assert text == "## S\n\nitem: Bolt\na: #DIV/0!\nb: #N/A\nc: 1"


def test_a_cell_that_is_merged_with_those_below_is_in_each_row() -> None:
    """Of rows that say anything else; a title over several columns stands once."""
    rows = cells(
        ["Dues of 2024"], [], ["berth", "fee", "unit"], ["North", 1.0, "a"], [None, 2.0, "b"],
        ["South", 3.0, "c"],
    )  # fmt: skip
    merged = '<mergeCells><mergeCell ref="A1:C1"/><mergeCell ref="A4:A5"/><mergeCell ref="B6:B9"/></mergeCells>'
    sheet = f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData>{merged}</worksheet>'
    data = sheet_file({"S": rows}, more={"xl/worksheets/s1.xml": sheet.encode()})
    assert read_one("a.xlsx", data).text == (
        "## S\n\nDues of 2024\n\nberth: North\nfee: 1\nunit: a\n\n"
        "berth: North\nfee: 2\nunit: b\n\nberth: South\nfee: 3\nunit: c"
    )


def test_years_are_names_of_columns() -> None:
    """Also where they are all there is above the numbers, or stand beside an empty cell."""
    for name in (None, "berth"):
        rows = cells([name, 2019, 2020], ["a", 1.5, 2], ["b", 3, 4])
        text = read_one("a.xlsx", sheet_file({"S": rows})).text
        assert text.startswith(f"## S\n\n{name or 'column 1'}: a\n2019: 1.5\n2020: 2\n\n")
    alone = cells([2019, 2020], [10.5, 11.5], [20.5, 21.5])
    text = read_one("a.xlsx", sheet_file({"S": alone})).text
    assert text == "## S\n\n2019: 10.5\n2020: 11.5\n\n2019: 20.5\n2020: 21.5"


def test_a_workbook_of_before_2007_is_read_alike() -> None:
    """Dates as well."""
    parsed = read_one("a.xls", OLD_SHEET)
    assert parsed.text == "## Costs\n\nitem: Bolt, M8\nprice: 1.5\nwhen: 2024-03-09"


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        # a title, and a note, above the table
        (
            [["Dues of 2024"], [], ["berth", "fee"], ["North", 1.0]],
            "Dues of 2024\n\nberth: North\nfee: 1",
        ),
        # the title right above
        ([["Dues of 2024"], ["berth", "fee"], ["a", 1.0], ["b", 2.0]],
         "Dues of 2024\n\nberth: a\nfee: 1\n\nberth: b\nfee: 2"),
        # no row of names
        ([["North", 5.0, 6.0], ["South", 7.0, 8.0]],
         "column 1: North\ncolumn 2: 5\ncolumn 3: 6\n\n"
         "column 1: South\ncolumn 2: 7\ncolumn 3: 8"),
        # years as columns are names: what is below them is no year
        (
            [["berth", 2023.0, 2024.0], ["North", 5.0, 6.0], ["South", 7.0, 8.0]],
            "berth: North\n2023: 5\n2024: 6\n\nberth: South\n2023: 7\n2024: 8",
        ),
        # what a thing is, and its value: no column's name among it
        ([["Port", "Sund"], ["Depth", 8.0], ["Pilot", "yes"], ["Built", 1902.0]],
         "Port: Sund\n\nDepth: 8\n\nPilot: yes\n\nBuilt: 1902"),
        # a table that goes on behind an empty row
        ([["berth", "fee"], ["a", 1.0], [], ["b", 2.0]], "berth: a\nfee: 1\n\nberth: b\nfee: 2"),
        # two tables, each with names of its own
        ([["berth", "fee"], ["a", 1.0], [], ["ship", "flag", "crew"], ["Ada", "NO", 4.0]],
         "berth: a\nfee: 1\n\nship: Ada\nflag: NO\ncrew: 4"),
        # cells that are empty
        ([["berth", "fee", "note"], ["a", None, "x"], [None, 2.0, None]],
         "berth: a\nnote: x\n\nfee: 2"),
        # a column without a name
        ([["berth", "fee"], ["a", 1.0, "odd"], ["b", 2.0]],
         "berth: a\nfee: 1\ncolumn 3: odd\n\nberth: b\nfee: 2"),
    ],
)  # fmt: skip
def test_names_of_columns_are_found_by_the_rows_below(
    rows: list[list[str | float | None]], text: str
) -> None:
    """Titles above a table, tables one below the other, and lists of pairs."""
    parsed = read_one("a.xlsx", sheet_file({"S": cells(*rows)}))
    assert parsed.text == f"## S\n\n{text}"


def test_what_is_not_read_is_told() -> None:
    """Hidden sheets, charts, images, comments."""
    data = sheet_file(
        {"S": cells(["a"]), "Secret": cells(["b"])},
        hidden="Secret",
        more={
            "xl/drawings/drawing1.xml": b'<a xmlns:a="x"><a:t>in a box</a:t></a>',
            "xl/charts/chart1.xml": b"<c/>",
            "xl/media/i.png": b"",
            "xl/comments1.xml": b"<c/>",
        },
    )
    parsed = read_one("a.xlsx", data)
    assert parsed.text == "## S\n\na"
    assert parsed.warnings == (
        "sheets whose text boxes are not read: 1",
        "charts not read: 1",
        "images not read: 1",
        "sheets whose comments are left out: 1",
        "hidden sheets left out: 1",
    )


def test_a_web_page_that_is_named_xls_is_read_as_one() -> None:
    """Many programs export their tables so."""
    page = b"<html><body><table><tr><td>berth</td><td>fee</td></tr></table></body></html>"
    assert "| berth | fee |" in read_one("a.xls", page).text


FAR = cells(["a"]) + '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>b</t></is></c></row>'
ALONE = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>b</t></is></c></row>'
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet><sheetData><row><c><v>&a;</v></c></row></sheetData></worksheet>'


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.xlsx", b"", "damaged"),
        ("a.xlsx", b"text", "damaged"),
        ("a.xls", b"text", "damaged"),
        ("a.xlsx", zip_file({"a.xml": b"<a/>"}), "damaged"),
        ("a.xlsx", OLD_SHEET, "before 2007"),
        ("a.xls", OLD_SHEET[:1000], "damaged"),
        ("a.xlsx", sheet_file({"S": FAR}), "1,048,576 rows by 16,384 columns"),
        ("a.xlsx", sheet_file({"S": ""}, more={"xl/worksheets/s1.xml": BOMB}), "document type"),
    ],
)
def test_damaged_and_hostile_workbooks_are_rejects(name: str, data: bytes, reason: str) -> None:
    """One cell at the far end is none."""
    assert reason in reject_of(name, data).reason
    assert read_one("a.xlsx", sheet_file({"S": ALONE})).text == "## S\n\nb"


def test_a_workbook_that_unpacks_to_very_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what its archive says, before anything is unpacked."""
    monkeypatch.setattr(sheets, "MOST_XML_BYTES", 1_000_000)
    reject = reject_of("a.xlsx", sheet_file({"S": " " * 1_000_000}))
    assert "bytes of XML when unpacked, at most 1,000,000" in reject.reason


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (2.0, "2"),
        (1e21, "1e+21"),
        (True, "TRUE"),
        (date(2024, 3, 9), "2024-03-09"),
        (datetime(2024, 3, 9, 13, 30), "2024-03-09 13:30:00"),
        (time(6, 5), "06:05:00"),
        (timedelta(hours=30, minutes=5), "30:05:00"),
        (" two\n lines ", "two lines"),
    ],
)
def test_values_are_told_as_sheets_show_them(value: str | float, text: str) -> None:
    """Fifteen digits, and no more."""
    assert shown(value) == text
