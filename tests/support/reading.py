"""Reading bytes by the readers of the default registry, without a file."""

from __future__ import annotations

from typing import Any

import pytest

from waypoint.errors import DocumentRejectedError
from waypoint.formats.registry import (
    ParsedDocument,
    ReaderOptions,
    RejectedRecord,
    default_registry,
)

REGISTRY = default_registry()


def read_all(name: str, data: bytes, **options: Any) -> tuple[ParsedDocument, ...]:
    """All documents of a file of this name."""
    registry = default_registry(ReaderOptions(**options)) if options else REGISTRY
    parsed = registry.reader_of(name).read(name, data)
    if isinstance(parsed, ParsedDocument):
        return (parsed,)
    return tuple(part for part in parsed if isinstance(part, ParsedDocument))


def rejects_in(name: str, data: bytes, **options: Any) -> dict[str, RejectedRecord]:
    """The records of a file of this name that are rejected, by record; each has a way out."""
    registry = default_registry(ReaderOptions(**options)) if options else REGISTRY
    parsed = registry.reader_of(name).read(name, data)
    assert not isinstance(parsed, ParsedDocument)
    rejects = [part for part in parsed if isinstance(part, RejectedRecord)]
    assert all(reject.hint for reject in rejects)
    return {reject.record: reject for reject in rejects}


def read_one(name: str, data: bytes, **options: Any) -> ParsedDocument:
    """The one document of a file of this name."""
    (document,) = read_all(name, data, **options)
    return document


def reject_of(name: str, data: bytes, **options: Any) -> DocumentRejectedError:
    """Why a file of this name is rejected; it names the file, and a way out."""
    with pytest.raises(DocumentRejectedError) as caught:
        read_all(name, data, **options)
    assert caught.value.source == name
    assert caught.value.hint
    return caught.value


def assert_sound(document: ParsedDocument) -> None:
    """Spans lie in the text, in order; blocks are whole lines; the text is normal."""
    text = document.text
    text.encode()
    assert "\r" not in text
    starts = [heading.start for heading in document.headings]
    assert starts == sorted(starts)
    for heading in document.headings:
        assert 0 <= heading.start < len(text)
        assert heading.start == 0 or text[heading.start - 1] == "\n"
        assert 1 <= heading.level <= 6
    assert list(document.pages) == sorted(document.pages)
    assert all(0 <= start <= len(text) for start in document.pages)
    assert not document.pages or document.pages[0] == 0
    end = 0
    for block in document.blocks:
        assert end <= block.start <= block.header_end <= block.end <= len(text)
        assert block.start == 0 or text[block.start - 1] == "\n"
        assert block.end == len(text) or text[block.end] == "\n"
        end = block.end
