"""PDF, page by page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.support.office_files import pdf_file
from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.errors import DocumentRejectedError
from waypoint.formats.pdf import pdf


def test_the_text_of_each_page_begins_where_pages_say() -> None:
    """Also behind a page without text, and the title is the document's."""
    document = read_one("a.pdf", pdf_file(["First é page", "", "Third\nline"], title="Dome"))
    assert document.text == "First é page\n\nThird\nline"
    first, second, third = document.pages
    assert (first, second, third) == (0, 14, 14)
    assert document.text[third:].startswith("Third")
    assert (document.title, document.encoding) == ("Dome", "")
    assert_sound(document)


def test_pages_behind_the_last_text_begin_at_its_end() -> None:
    """Each page has a place in the text."""
    document = read_one("a.pdf", pdf_file(["Only", "", ""]))
    assert (document.text, document.pages) == ("Only", (0, 4, 4))


def test_a_title_that_a_program_made_up_is_none() -> None:
    """Word writes the name of the file."""
    assert read_one("a.pdf", pdf_file(["x"], title="Microsoft Word - a.doc")).title == ""


def test_pages_without_text_are_a_reject_that_names_text_recognition() -> None:
    """A scanned document has images only."""
    error = reject_of("a.pdf", pdf_file(["", ""]))
    assert error.reason == "no text in its 2 pages: they are images, or empty"
    assert "ocrmypdf" in error.hint


def test_an_encrypted_pdf_is_a_reject_unless_it_opens_without_password() -> None:
    """The reason is the password, not damage."""
    error = reject_of("a.pdf", pdf_file(["secret"], password="x"))
    assert "password" in error.reason
    assert "qpdf" in error.hint


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-1.7", b"no PDF", b"%PDF-1.4\n%%EOF", pdf_file(["x"])[:200], b"\0" * 1000],
    ids=["empty", "header", "text", "end", "cut", "zeros"],
)
def test_a_damaged_pdf_is_a_reject(data: bytes) -> None:
    """So is what never was one."""
    assert reject_of("a.pdf", data).reason == "damaged, or not a PDF"


def test_a_page_tree_that_turns_back_on_itself_ends() -> None:
    """Neither endless nor deep recursion."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000000>>",
    ]
    data = b"%PDF-1.4\n"
    for number, content in enumerate(objects, 1):
        data += b"%d 0 obj%s endobj\n" % (number, content)
    error = reject_of("a.pdf", data + b"trailer<</Root 1 0 R/Size 3>>")
    assert "pages" in error.reason or "damaged" in error.reason


def test_deeply_nested_objects_are_read_or_rejected() -> None:
    """A parser that recurses without a limit would die."""
    for depth in (1_000, 100_000):
        data = pdf_file(["x"]).replace(b"/Type /Font\n", b"/Type /Font\n/X " + b"[" * depth, 1)
        assert b"[" * depth in data
        with suppress(DocumentRejectedError):
            read_one("a.pdf", data)


def test_more_text_than_is_allowed_is_a_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    """One content stream can be drawn by any number of pages."""
    monkeypatch.setattr(pdf, "MAX_CHARACTERS", 50)
    assert (
        "characters of text"
        in reject_of("a.pdf", pdf_file(["thirty characters, or nearly"] * 2)).reason
    )
    monkeypatch.setattr(pdf, "MAX_PAGES", 1)
    assert "2 pages" in reject_of("a.pdf", pdf_file(["x"] * 2)).reason


def test_threads_may_read_at_once() -> None:
    """PDFium itself is not thread-safe."""
    files = [pdf_file([f"page {number} of {each}" for number in range(20)]) for each in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for each, document in enumerate(pool.map(lambda data: read_one("a.pdf", data), files)):
            assert document.text.count(f"of {each}") == 20
