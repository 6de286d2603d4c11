"""CSV and TSV."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reading import read_one, reject_of
from waypoint.formats.text import normalised

TEXT = "name: Kestrel\nkg: 3\n\nname: Owl\nnote: big, old"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b'name,kg,note\nKestrel,3,\nOwl,,"big, old"\n'),
        ("a.csv", b'name;kg;note\r\nKestrel;3;\r\n\r\nOwl;;"big, old"\r\n'),
        ("a.csv", b"sep=|\nname|kg|note\nKestrel|3|\nOwl||big, old"),
        ("a.csv", b'name, kg, note\nKestrel, 3,\nOwl,, "big,\nold"\n'),
        ("a.tsv", b"name\tkg\tnote\nKestrel\t3\t\nOwl\t\tbig, old\n"),
        ("a.csv", "name\tkg\tnote\nKestrel\t3\t\nOwl\t\tbig, old\n".encode("utf-16")),
    ],
)
def test_each_row_is_a_paragraph_with_the_columns_names(name: str, data: bytes) -> None:
    """Whatever the delimiter, the quotes and the encoding; empty cells are left out."""
    assert read_one(name, data).text == TEXT


def test_without_a_header_columns_are_numbered() -> None:
    """Numbers among numbers are no names, nor what comes again in its column."""
    assert read_one("a.csv", b"1,x\n2,y").text == (
        "column 1: 1\ncolumn 2: x\n\ncolumn 1: 2\ncolumn 2: y"
    )
    assert read_one("a.csv", b"a,a\nb,b").text.startswith("column 1: a\ncolumn 2: a\n\n")
    assert read_one("a.csv", b"a,b\n1,2,3").text == "a: 1\nb: 2\ncolumn 3: 3"


def rows_of(data: str) -> list[str]:
    """The paragraphs, each on one line."""
    text = read_one("a.csv", data.encode()).text
    return [paragraph.replace("\n", " / ") for paragraph in text.split("\n\n")]


@pytest.mark.parametrize(
    ("data", "first"),
    [
        ("Ort, Land;Preis, EUR\nEms, D;1.234,50\nAu, A;9,00",
         "Ort, Land: Ems, D / Preis, EUR: 1.234,50"),
        ("lat;lon\n1,5;2,5\n3,5;4,5", "lat: 1,5 / lon: 2,5"),
        ("x\ty\n1,5\t2,5\n3,5\t4,5", "x: 1,5 / y: 2,5"),
        ("who|what\nA, B|c; d\nE, F|g; h", "who: A, B / what: c; d"),
        ("name,tags\nX,a;b\nY,c;d", "name: X / tags: a;b"),
        ('"sep=;"\na,b;c\n1;2', "a,b: 1 / c: 2"),
        ("SEP=|\na|b\n1|2", "a: 1 / b: 2"),
        ('id,words\n1,"He said \\"no\\", twice"\n2,x', 'id: 1 / words: He said "no", twice'),
    ],
)  # fmt: skip
def test_the_delimiter_is_told_by_all_rows(data: str, first: str) -> None:
    """Commas within texts and numbers divide nothing, however regular they are."""
    assert rows_of(data)[0] == first


@pytest.mark.parametrize(
    ("data", "first"),
    [
        (",name,port\n0,Anna,Sund\n1,Bo,Holm", "column 1: 0 / name: Anna / port: Sund"),
        ("name;phone;\nAnna;111;\nBo;333;", "name: Anna / phone: 111"),
        ("port,who,n\nr1,Sund,Bo,1\nr2,Holm,Al,2", "column 1: r1 / port: Sund / who: Bo / n: 1"),
        ("Land,What,2021,2022\nAu,x,10,12\nBe,x,3,4", "Land: Au / What: x / 2021: 10 / 2022: 12"),
        ("Item,2026-01,2026-02\nx,1,2\ny,3,4", "Item: x / 2026-01: 1 / 2026-02: 2"),
        ("2021,2022\n5,6\n7,8", "2021: 5 / 2022: 6"),
        ("who,call,call\nAnna,1,2\nBo,3,4", "who: Anna / call: 1 / call (2): 2"),
        ("year,n\n2020,5\n2021,6", "year: 2020 / n: 5"),
        ("#,name,port\n1,Anna,Sund\n2,Bo,Holm", "#: 1 / name: Anna / port: Sund"),
        ("#id,name\n1,Anna\n2,Bo", "id: 1 / name: Anna"),
        ("Anna,Sund\nBo,Holm\nCai,Sund", "column 1: Anna / column 2: Sund"),
        ("2026-01-01,5,ok\n2026-01-02,6,ok", "column 1: 2026-01-01 / column 2: 5 / column 3: ok"),
        ("Anna,a@x.org,5\nBo,b@x.org,6", "column 1: Anna / column 2: a@x.org / column 3: 5"),
        ("term,means\n" + "".join(f"w{n},d{n}\n" for n in range(30)) + "term,x",
         "term: w0 / means: d0"),
    ],
)  # fmt: skip
def test_names_are_told_by_what_stands_below_them(data: str, first: str) -> None:
    """By many rows of each column, never by the first one alone."""
    assert rows_of(data)[0] == first


@pytest.mark.parametrize(
    ("data", "paragraphs"),
    [
        ("# export, by harbour\n# of 2026\nname,port\nAnna,Sund\nBo,Holm",
         ["# export, by harbour", "# of 2026", "name: Anna / port: Sund", "name: Bo / port: Holm"]),
        ("# t, x\n# units\n# time,temp\n1,2\n3,4",
         ["# t, x", "# units", "time: 1 / temp: 2", "time: 3 / temp: 4"]),
        ("Report of the port\nQuarter 1, 2026\n\nid,name,n\n1,A,5\n2,B,6",
         ["Report of the port", "Quarter 1, 2026",
          "id: 1 / name: A / n: 5", "id: 2 / name: B / n: 6"]),
        ("a;b\nx;1,5\n# from here on: estimated\ny;2,5\nz;3",
         ["a: x / b: 1,5", "# from here on: estimated", "a: y / b: 2,5", "a: z / b: 3"]),
        ("hue,name\n#f00,red\n#0f0,green", ["hue: #f00 / name: red", "hue: #0f0 / name: green"]),
        ("only,names", ["only: only / names: names"]),
    ],
)  # fmt: skip
def test_what_stands_above_a_table_is_text(data: str, paragraphs: list[str]) -> None:
    """Titles and comments are neither names nor values."""
    assert rows_of(data) == paragraphs


def test_quotes_that_do_not_balance_are_read_as_characters() -> None:
    """A quote that is never closed would swallow all rows behind it."""
    document = read_one("a.csv", b'name,inch\nlens,4"\ntube,"8\nlamp,9')
    assert document.text.split("\n\n") == [
        'name: lens\ninch: 4"',
        'name: tube\ninch: "8',
        "name: lamp\ninch: 9",
    ]
    assert "quotation marks are read as characters" in document.warnings[0]


def test_a_huge_field_is_a_reject() -> None:
    """Of a hundred megabytes, say; the line is named."""
    error = reject_of("a.csv", b"name\n" + b"x" * 10_000_000)
    assert error.reason == "not a table: line 2: field larger than field limit (131072)"


CELLS = st.text("ab1 \u00e9\",;\t|'", max_size=6)


@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=2, max_size=6),
    st.sampled_from(",;\t|"),
)
def test_no_cell_is_lost(rows: list[list[str]], delimiter: str) -> None:
    """Whatever a spreadsheet writes, all words of it are in the text."""
    width = len(rows[0])
    rows = [(row + [""] * width)[:width] for row in rows]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([[f"head {i}" for i in range(width)], *rows])
    text = read_one("a.csv", b"sep=" + delimiter.encode() + b"\n" + out.getvalue().encode()).text
    expected = [
        [f"head {i}: {' '.join(cell.split())}" for i, cell in enumerate(row) if cell.strip()]
        for row in rows
    ]
    assert text == "\n\n".join("\n".join(lines) for lines in expected if lines)


def test_names_that_make_a_small_file_huge_are_a_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell repeats its column's name; several times the file's size is usual, more is not."""
    monkeypatch.setattr(normalised, "MAX_CHARACTERS", 1_000)
    long = f"{'n' * 500},b\n" + "x,y\n" * 1_000
    assert "characters of text" in reject_of("a.csv", long.encode()).reason
    usual = "question,answer\n" + "a,b\n" * 1_000
    assert len(read_one("a.csv", usual.encode()).text) > 5 * len(usual)
