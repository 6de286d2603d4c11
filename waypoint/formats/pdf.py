"""PDF: the text of each page."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from threading import Lock

# Google's PDFium, bound: ten times as fast as pypdf on the sample; see docs/formats.md.
import pypdfium2 as pdfium
from pypdfium2 import raw

from waypoint.errors import DocumentRejectedError
from waypoint.formats.metadata import FieldCollector
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text import MAX_CHARACTERS, normalise_text, too_much_text

MAX_PAGES = 50_000
# A small file can draw the same text over and over: what it comes to is bounded.

_PDFIUM = Lock()
"""PDFium is not thread-safe, not even for different documents."""

_DIVISION = re.compile("[\x02\ufffe](?:\r?\n)?")
"""What PDFium gives for a hyphen that divides a word at a line's end."""
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_LINE_TAILS = re.compile(r"[ \t\xa0]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")

_UNREADABLE = frozenset({"Co", "Cn"})
_UNREADABLE_SHARE = 0.1

_FIELDS = {"Title": "title", "Author": "author", "Subject": "subject", "Keywords": "keywords"}
_NO_TITLE = re.compile(r"untitled|Microsoft \w+ - .*|.*\.(?:docx?|indd|qxd|dvi|tex)", re.IGNORECASE)
"""What programs write where nobody gave a title."""

_REJECTS = {
    raw.FPDF_ERR_PASSWORD: (
        "encrypted: it opens only with a password",
        "save a copy without one (for example: qpdf --decrypt --password=… in.pdf out.pdf)",
    ),
    raw.FPDF_ERR_SECURITY: (
        "encrypted in a way that is not supported",
        "save a copy without encryption",
    ),
}
_DAMAGED = ("damaged, or not a PDF", "open it in a viewer and save it anew")


class PdfReader:
    """Reads PDF; each page begins at one of ``pages``, after an empty line."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        warnings: list[str] = []
        with _PDFIUM:
            document = _open(source, data)
            try:
                fields = _fields(document)
                pages = list(_pages(source, document, warnings))
            finally:
                document.close()
        if not any(pages):
            raise DocumentRejectedError(
                source,
                f"no text in its {len(pages):,} pages: they are images, or empty",
                hint="run text recognition over it (for example: ocrmypdf in.pdf out.pdf)",
            )
        text = "".join(f"{page}\n\n" if page else "" for page in pages).rstrip("\n")
        ends = accumulate(len(page) + 2 if page else 0 for page in pages)
        _warn_of_unreadable(text, warnings)
        return ParsedDocument(
            text=text,
            pages=(0, *(min(end, len(text)) for end in ends))[: len(pages)],
            title="" if _NO_TITLE.fullmatch(fields.title) else fields.title,
            metadata=fields.metadata,
            warnings=(*fields.warnings, *warnings),
        )


def _open(source: str, data: bytes) -> pdfium.PdfDocument:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        reason, hint = _REJECTS.get(error.err_code, _DAMAGED)
        raise DocumentRejectedError(source, reason, hint=hint) from error
    if not 0 < len(document) <= MAX_PAGES:
        count = len(document)
        document.close()
        raise DocumentRejectedError(
            source, f"says it has {count:,} pages, at most {MAX_PAGES:,}", hint=_DAMAGED[1]
        )
    return document


def _fields(document: pdfium.PdfDocument) -> FieldCollector:
    fields = FieldCollector()
    for key, name in _FIELDS.items():
        try:
            fields.add(name, document.get_metadata_value(key).strip("\0 "))
        except UnicodeDecodeError:
            fields.warn(f"field {name!r} left out: it is not valid UTF-16")
    return fields


def _pages(source: str, document: pdfium.PdfDocument, warnings: list[str]) -> Iterator[str]:
    """The normalised text of each page; empty for one without text, or that cannot be read."""
    unreadable = []
    characters = 0
    for index in range(len(document)):
        try:
            text = _page_text(document, index)
        except pdfium.PdfiumError:
            unreadable.append(index + 1)
            text = ""
        characters += len(text)
        if characters > MAX_CHARACTERS:
            raise too_much_text(source, MAX_CHARACTERS)
        yield _tidy(source, text)
    if len(unreadable) == len(document):
        raise DocumentRejectedError(source, _DAMAGED[0], hint=_DAMAGED[1])
    if unreadable:
        shown = ", ".join(map(str, unreadable[:10])) + (", …" if len(unreadable) > 10 else "")
        warnings.append(f"damaged: pages that cannot be read: {shown}")


def _page_text(document: pdfium.PdfDocument, index: int) -> str:
    page = document[index]
    try:
        text_page = page.get_textpage()
        try:
            if text_page.count_chars() > MAX_CHARACTERS:
                return " " * (MAX_CHARACTERS + 1)
            return str(text_page.get_text_bounded(errors="replace"))
        finally:
            text_page.close()
    finally:
        page.close()


def _tidy(source: str, text: str) -> str:
    text = normalise_text(_CONTROLS.sub("", _DIVISION.sub("", text)), source=source)
    return _BLANK_LINES.sub("\n\n", _LINE_TAILS.sub("", text)).strip()


def _warn_of_unreadable(text: str, warnings: list[str]) -> None:
    """Fonts may not say which characters their shapes are; then the text is not what is seen."""
    odd = sum(
        count
        for character, count in Counter(text).items()
        if character == "\ufffd" or unicodedata.category(character) in _UNREADABLE
    )
    if odd > _UNREADABLE_SHARE * len(text):
        warnings.append(f"{odd:,} of {len(text):,} characters have no meaning outside its fonts")
