"""Which reader reads which file."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.office_files import (
    book,
    cells,
    chapter,
    docx_file,
    pdf_file,
    sheet_file,
    slide_file,
)
from tests.support.open_files import document, p
from tests.support.reading import read_one
from waypoint.formats.registry import (
    FORMATS,
    Format,
    ReaderRegistry,
    default_registry,
)

SAMPLES = {
    "pdf": (pdf_file(["some text"]), "some text"),
    "docx": (docx_file(), "After the table."),
    "slides": (
        slide_file("<p:sp><p:txBody><a:p><a:r><a:t>some text</a:t></a:r></a:p></p:txBody></p:sp>"),
        "some text",
    ),
    "rtf": (rb"{\rtf1\pard some text\par}", "some text"),
    "odt": (document("text", p("some text")), "some text"),
    "ods": (
        document(
            "spreadsheet",
            f"<table:table><table:table-row><table:table-cell>{p('some text')}</table:table-cell>"
            "</table:table-row></table:table>",
        ),
        "some text",
    ),
    "odp": (
        document(
            "presentation",
            f"<draw:page><draw:custom-shape>{p('some text')}</draw:custom-shape></draw:page>",
        ),
        "some text",
    ),
    "epub": (book(chapter("<p>some text</p>")), "some text"),
    "mail": (b"Subject: x\n\nsome text", "some text"),
    "notebook": (b'{"cells": [{"cell_type": "raw", "source": "some text"}]}', "some text"),
    "captions": (b"WEBVTT\n\n00:01.0 --> 00:02.0\nsome text\n", "some text"),
    "sheet": (sheet_file({"S": cells(["some text"])}), "some text"),
    "table": (b"name\tkg\nlamp\t3", "name: lamp\nkg: 3"),
    "json": (b'{"text": "some text"}', "some text"),
    "jsonl": (b'{"text": "some text"}', "some text"),
}


@pytest.mark.parametrize(
    "suffix", [suffix for each in FORMATS if not each.images for suffix in each.suffixes]
)
def test_every_registered_reader_can_be_loaded_and_reads(suffix: str) -> None:
    """A typing error in the table would otherwise show at the first such file."""
    name = default_registry().format_of(f"folder/name{suffix.upper()}").name
    data, text = SAMPLES.get(name, (b"some text", "some text"))
    assert read_one(f"name{suffix}", data).text.endswith(text)


def test_no_suffix_belongs_to_two_formats() -> None:
    """The later one would win without a word."""
    suffixes = [suffix for each in FORMATS for suffix in each.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


def test_formats_are_told_by_the_last_suffix_whatever_its_case() -> None:
    """Suffixes are compared in lower case."""
    registry = default_registry()
    assert registry.format_of("a.txt.MD").name == "markdown"
    assert registry.supports("x/notes.Text")
    assert not registry.supports("md")
    assert not registry.supports("a.md/b")


def test_a_format_joins_by_one_line() -> None:
    """A registry of other formats knows those, and the same reader object serves all files."""
    registry = ReaderRegistry(
        [Format("log", (".log",), "waypoint.formats.plain.plaintext:PlainTextReader")]
    )
    assert registry.reader_of("a.log") is registry.reader_of("b.log")
    assert not registry.supports("a.md")
    with pytest.raises(KeyError):
        registry.reader_of("a.md")


def test_parsers_are_not_imported_before_they_are_needed() -> None:
    """Importing the room must not cost what its heaviest parser costs."""
    code = (
        "import sys, waypoint.formats, waypoint.sources; "
        "heavy = 'pyromark yaml pypdfium2 python_calamine html_to_markdown chardet '"
        "'xml.etree'.split(); "
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
