"""The contract of every format, and of one that is in the tests alone."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.support.old_sheet import OLD_SHEET
from tests.support.reading import assert_sound
from tests.support.toy_format import SAMPLE, TOY
from tests.unit.formats.test_fuzz import SAMPLES
from waypoint.errors import DocumentRejectedError
from waypoint.formats.registry import (
    FORMATS,
    Format,
    Parsed,
    ParsedDocument,
    ReaderRegistry,
    RejectedRecord,
)

ALL = (*(each for each in FORMATS if not each.images), TOY)
"""Images have a reader only with OCR: test_ocr."""

REGISTRY = ReaderRegistry(ALL)
FILES = {**SAMPLES, "a.xls": OLD_SHEET, "a.toy": SAMPLE}


def samples_of(each: Format) -> dict[str, bytes]:
    return {name: data for name, data in FILES.items() if REGISTRY.format_of(name) == each}


def documents_in(parsed: Parsed) -> list[ParsedDocument]:
    if isinstance(parsed, ParsedDocument):
        return [parsed]
    return [part for part in parsed if not isinstance(part, RejectedRecord)]


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_a_format_can_be_told_by_its_suffix_alone(each: Format) -> None:
    """In any case of letters; no two have the same."""
    assert each.suffixes
    for suffix in each.suffixes:
        assert suffix == suffix.lower()
        assert suffix.startswith(".")
        assert REGISTRY.format_of(f"a{suffix.upper()}") == each
    assert each.reader_name == f"{each.name} {each.version}"


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_a_sample_is_read_to_a_sound_document(each: Format) -> None:
    """Normal text, spans within it; the same every time; records with names of their own."""
    samples = samples_of(each)
    assert samples
    for name, data in samples.items():
        reader = REGISTRY.reader_of(name)
        parsed = reader.read(name, data)
        documents = documents_in(parsed)
        assert any(document.text.strip() for document in documents)
        for document in documents:
            assert_sound(document)
        assert documents_in(reader.read(name, data)) == documents
        if not isinstance(parsed, ParsedDocument):
            records = [part.record for part in parsed]
            assert all(records)
            assert len(set(records)) == len(records)


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_damage_is_a_reject_or_less_text_and_nothing_else(each: Format) -> None:
    """A file cut off, an empty one, and one that is no text."""
    for name, data in samples_of(each).items():
        reader = REGISTRY.reader_of(name)
        for damaged in (b"", data[: len(data) // 2], bytes(range(256)) * 4):
            documents: list[ParsedDocument] = []
            with suppress(DocumentRejectedError):
                documents = documents_in(reader.read(name, damaged))
            for document in documents:
                assert_sound(document)
