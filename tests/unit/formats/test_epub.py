"""Books: their chapters in the order of reading."""

from __future__ import annotations

import pytest

from tests.support.office_files import BOOK_CONTAINER, Parts, book, chapter, zip_file
from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.formats.markup import zipped_xml


def test_chapters_stand_in_the_order_of_the_spine() -> None:
    """With their headings; contents are left out; what the package says is metadata."""
    spine = '<itemref idref="nav"/><itemref idref="c1"/><itemref idref="c0"/><itemref idref="far"/>'
    parsed = read_one(
        "a.epub",
        book(
            chapter("<h1>Ebb</h1><p>Out.</p>"),
            chapter("<h1>Flood</h1><table><tr><th>h</th></tr><tr><td>1</td></tr></table>"),
            spine=spine,
            more={"OEBPS/text/a b.xhtml": chapter("<p>Last.</p>")},
        ),
    )
    assert parsed.text == "# Flood\n\n| h |\n| --- |\n| 1 |\n\n# Ebb\n\nOut.\n\nLast."
    assert [each.title for each in parsed.headings] == ["Flood", "Ebb"]
    assert [each.kind for each in parsed.blocks] == ["table"]
    assert parsed.title == "Tides"
    assert parsed.metadata == {"author": "Ada, Bo", "language": "en"}
    assert_sound(parsed)


def test_chapters_that_cannot_be_read_are_told() -> None:
    """One that isn't there, one that is an image, one that is nested too deeply."""
    deep = b"<div>" * 3_000 + b"x" + b"</div>" * 3_000
    spine = "".join(f'<itemref idref="{each}"/>' for each in ("c0", "c1", "c2", "far"))
    parsed = read_one(
        "a.epub", book(chapter("<p>Text.</p>"), chapter('<img src="a.png"/>'), deep, spine=spine)
    )
    assert parsed.text == "Text."
    assert parsed.warnings == (
        "images without text: part 2",
        "parts not read: part 3",
        "parts that aren't there: part 4",
    )


def protected(name: str) -> Parts:
    reference = f'<e:EncryptedData><e:CipherReference URI="{name}"/></e:EncryptedData>'
    return {"META-INF/encryption.xml": f'<encryption xmlns:e="x">{reference}</encryption>'.encode()}


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged"),
        (zip_file({"mimetype": b"application/epub+zip"}), "damaged"),
        (zip_file({"META-INF/container.xml": BOOK_CONTAINER}), "damaged"),
        (zip_file({"META-INF/container.xml": BOMB + BOOK_CONTAINER}), "document type"),
        (book(chapter("a"), more={"OEBPS/book.opf": BOMB + b"<package/>"}), "document type"),
        (book(chapter("a"), more=protected("OEBPS/text/c0.xhtml")), "encrypted (DRM)"),
        (book(chapter('<img src="a.png"/>')), "no text in it: images without text: part 1"),
    ],
)
def test_damaged_and_protected_books_are_rejects(data: bytes, reason: str) -> None:
    """Fonts that are obfuscated are none of the text."""
    assert reason in reject_of("a.epub", data).reason
    fonts = book(chapter("<p>a</p>"), more=protected("OEBPS/fonts/a.otf"))
    assert read_one("a.epub", fonts).text == "a"


def test_a_book_that_unpacks_to_very_much_is_refused() -> None:
    """By what its archive says: chapters count as well."""
    data = book(b" " * (zipped_xml.MAX_XML_BYTES + 1))
    assert "when unpacked, at most" in reject_of("a.epub", data).reason
