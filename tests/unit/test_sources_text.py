"""From bytes to text."""

from __future__ import annotations

import codecs
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.errors import DocumentRejectedError
from waypoint.sources.text import decode_text, normalise_text

PLAIN = "Grüße, 世界 😀\nzweite Zeile"


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        codecs.BOM_UTF8 + PLAIN.encode(),
        codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        unicodedata.normalize("NFD", PLAIN).encode(),
    ],
)
def test_all_ways_to_write_a_text_give_the_same(data: bytes) -> None:
    """Encodings, BOMs, line ends and Unicode forms leave no trace."""
    assert decode_text("a.txt", data) == PLAIN


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"caf\xe9 ", "not valid UTF-8 at byte 3"),
        (codecs.BOM_UTF8 + b"caf\xe9 ", "not valid UTF-8 at byte 6"),
        (b"\xed\xa0\x80", "not valid UTF-8 at byte 0"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8a\x00", "not valid UTF-16 at byte 2"),
        (codecs.BOM_UTF16_LE + b"a\x00b", "not valid UTF-16 at byte 4"),
        (codecs.BOM_UTF16_LE + b"\x00\x00a\x00b\x00", "UTF-32"),
        (codecs.BOM_UTF16_LE + b"a\x00\x00\x00", "looks binary"),
        ("a".encode("utf-32"), "UTF-32"),
        (b"text\0", "NUL byte at offset 4"),
        (b"\x01\x02\x03 word", "control characters"),
    ],
)
def test_what_is_not_text_is_rejected_with_the_place_and_a_hint(data: bytes, reason: str) -> None:
    """Never replaced, never dropped."""
    with pytest.raises(DocumentRejectedError) as caught:
        decode_text("folder/a.txt", data)
    assert reason in caught.value.reason
    assert caught.value.source == "folder/a.txt"
    assert caught.value.hint


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    """What is normal stays as it is."""
    normal = normalise_text(text)
    assert normalise_text(normal) == normal
    assert "\r" not in normal
    assert not normal.startswith("\ufeff")
