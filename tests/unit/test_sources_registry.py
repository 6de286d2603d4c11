"""Which reader reads which file."""

from __future__ import annotations

import subprocess
import sys

import pytest

from waypoint.sources.registry import (
    FORMATS,
    Format,
    ParsedDocument,
    ReaderRegistry,
    default_registry,
)


@pytest.mark.parametrize("suffix", [suffix for each in FORMATS for suffix in each.suffixes])
def test_every_registered_reader_can_be_loaded_and_reads(suffix: str) -> None:
    """A typing error in the table would otherwise show at the first such file."""
    reader = default_registry().reader_of(f"folder/name{suffix.upper()}")
    parsed = reader.read(f"name{suffix}", b"some text")
    assert isinstance(parsed, ParsedDocument)
    assert parsed.text == "some text"


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
        [Format("log", (".log",), "waypoint.sources.plaintext:PlainTextReader")]
    )
    assert registry.reader_of("a.log") is registry.reader_of("b.log")
    assert not registry.supports("a.md")
    with pytest.raises(KeyError):
        registry.reader_of("a.md")


def test_parsers_are_not_imported_before_they_are_needed() -> None:
    """Importing the room must not cost what its heaviest parser costs."""
    code = (
        "import sys, waypoint.sources; "
        "print([name for name in ('pyromark', 'yaml') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
