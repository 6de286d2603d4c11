"""CSV and TSV."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reading import read_one, reject_of
from waypoint.formats import text

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
    """Numbers, empty cells and repetitions are no names."""
    assert read_one("a.csv", b"1,x\n2,y").text == (
        "column 1: 1\ncolumn 2: x\n\ncolumn 1: 2\ncolumn 2: y"
    )
    assert read_one("a.csv", b"a,a\n1,2").text.startswith("column 1: a\ncolumn 2: a\n\n")
    assert read_one("a.csv", b"a,b\n1,2,3").text == "a: 1\nb: 2\ncolumn 3: 3"


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
    monkeypatch.setattr(text, "MAX_CHARACTERS", 1_000)
    long = f"{'n' * 500},b\n" + "a,b\n" * 1_000
    assert "characters of text" in reject_of("a.csv", long.encode()).reason
    usual = "question,answer\n" + "a,b\n" * 1_000
    assert len(read_one("a.csv", usual.encode()).text) > 5 * len(usual)
