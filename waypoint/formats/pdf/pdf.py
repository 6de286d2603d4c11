"""PDF: the text of each page, as someone reads it."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from contextlib import closing, suppress
from itertools import accumulate
from threading import Lock

# Google's PDFium, bound: ten times as fast as pypdf on the sample; see docs/formats.md.
import pypdfium2 as pdfium
from pypdfium2 import raw

from waypoint.errors import DocumentRejectedError
from waypoint.formats.images.ocr import HOW, Recogniser
from waypoint.formats.losses import Losses
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.pdf.pdf_page import IMAGES, read_page
from waypoint.formats.pdf.pdf_words import count_unreadable
from waypoint.formats.registry import ParsedDocument, ReaderOptions
from waypoint.formats.text.normalised import MAX_CHARACTERS, too_much_text
from waypoint.models import Place

MAX_PAGES = 50_000
# A small file can draw the same text over and over: what it comes to is bounded.
_MOST_FILES = 1_000
"""Of a portfolio."""

_PDFIUM = Lock()
"""PDFium is not thread-safe, not even for different documents."""

_UNREADABLE_SHARE = 0.5
_NUMBERS = re.compile(r"\d+")
"""In which the stamps of pages differ."""
_PLACEHOLDER_CHARACTERS = 2_000
_FEWEST_CHARACTERS = 10
"""A page, on average: of a document of images, less is no text but a stamp or a number."""

_FIELDS = {"Title": "title", "Author": "author", "Subject": "subject", "Keywords": "keywords"}
_NO_TITLE = re.compile(r"untitled|Microsoft \w+ - .*|.*\.(?:docx?|indd|qxd|dvi|tex)", re.IGNORECASE)
"""What programs write where nobody gave a title."""
_WAIT = re.compile(r"please wait|version of the PDF viewer|PDF viewer may not", re.IGNORECASE)
_PORTFOLIO = re.compile(r"portfolio|acrobat|adobe reader", re.IGNORECASE)
"""What stands on the only page of a form or a portfolio, for viewers that can't show it."""

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
_RECOGNISE = f"{HOW}; or run ocrmypdf in.pdf out.pdf over it"

_BETTER = "scan it anew, at 300 dpi"


class PdfReader:
    """Reads PDF; each page begins at one of ``pages``, after an empty line.

    Of a portfolio, the pages of its PDFs are read in the place of its cover.
    """

    def __init__(self, options: ReaderOptions | None = None) -> None:
        self._options = options or ReaderOptions()

    def read(self, source: str, data: bytes) -> ParsedDocument:
        losses = Losses()
        recogniser = Recogniser(self._options) if self._options.ocr != "off" else None
        with _PDFIUM:
            document = _open(source, data)
            try:
                fields = _fields(document)
                pages = _pages(source, document, losses, recogniser)
            finally:
                document.close()
        tried = recogniser.tried if recogniser else 0
        if not (tried and self._options.ocr_counts):
            _refuse_hardly_any_text(source, pages, losses, recogniser)
        text = "".join(f"{page}\n\n" if page else "" for page in pages).rstrip("\n")
        ends = accumulate(len(page) + 2 if page else 0 for page in pages)
        starts = (0, *(min(end, len(text)) for end in ends))[: len(pages)]
        return ParsedDocument(
            text=text,
            pages=starts,
            places=_places(starts, recogniser.recognised if recogniser else set()),
            recognised=bool(tried),
            to_recognise=tried if self._options.ocr_counts else 0,
            title="" if _NO_TITLE.fullmatch(fields.title) else fields.title,
            metadata=fields.metadata,
            warnings=(*fields.warnings, *losses.warnings()),
        )


def _places(starts: Sequence[int], recognised: set[int]) -> tuple[Place, ...]:
    """Where text by OCR begins, and other text again."""
    places: list[Place] = []
    for number, start in enumerate(starts, 1):
        by_ocr = number in recognised
        if by_ocr != (bool(places) and places[-1].value is True):
            places.append(Place(start, "ocr", by_ocr))
    return tuple(places)


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


def _pages(
    source: str, document: pdfium.PdfDocument, losses: Losses, recogniser: Recogniser | None
) -> list[str]:
    """The text of each page; empty for one without text, or that cannot be read."""
    form = document.get_formtype()
    if form == raw.FORMTYPE_ACRO_FORM or form == raw.FORMTYPE_XFA_FOREGROUND:
        _init_forms(document)
    forced = recogniser if recogniser and recogniser.force else None
    # What a placeholder says is told by its own text.
    own = (Losses(), None) if forced else (losses, recogniser)
    pages = _read_pages(source, document, *own)
    shown = sum(map(len, pages))
    text = "\n".join(pages) if shown <= _PLACEHOLDER_CHARACTERS else ""
    if form == raw.FORMTYPE_XFA_FULL and (not shown or text):
        raise _xfa(source)
    if form in (raw.FORMTYPE_XFA_FULL, raw.FORMTYPE_XFA_FOREGROUND):
        if _WAIT.search(text):
            raise _xfa(source)
        losses.add("XFA forms of which only the pages are read")
    files = document.count_attachments()
    if files and len(pages) == 1 and _PORTFOLIO.search(text):
        return _portfolio(source, document, losses, recogniser)
    for _ in range(files):
        losses.add("embedded files not read")
    return _read_pages(source, document, losses, forced) if forced else pages


def _init_forms(document: pdfium.PdfDocument) -> None:
    """Let the values of fields be read. Without it the pages are still there."""
    logging.getLogger("pypdfium2").setLevel(logging.ERROR)
    with suppress(pdfium.PdfiumError):
        document.init_forms()


def _read_pages(
    source: str,
    document: pdfium.PdfDocument,
    losses: Losses,
    recogniser: Recogniser | None,
    *,
    before: int = 0,
) -> list[str]:
    """``before``: how many pages there were before these."""
    pages: list[str] = []
    characters = damaged = 0
    for index in range(len(document)):
        number = before + index + 1
        try:
            text = read_page(source, document, index, MAX_CHARACTERS, losses, recogniser, number)
        except pdfium.PdfiumError:
            losses.add("damaged, not read", "page", number)
            damaged += 1
            text = ""
        characters += len(text)
        if characters > MAX_CHARACTERS:
            raise too_much_text(source, MAX_CHARACTERS)
        pages.append(text)
    if damaged == len(pages):
        raise DocumentRejectedError(source, _DAMAGED[0], hint=_DAMAGED[1])
    return pages


def _xfa(source: str) -> DocumentRejectedError:
    return DocumentRejectedError(
        source,
        "an XFA form: its pages are in XML that only Adobe's programs show",
        hint="open it in Adobe Reader and print it to a PDF",
    )


def _portfolio(
    source: str, document: pdfium.PdfDocument, losses: Losses, recogniser: Recogniser | None
) -> list[str]:
    """The pages of its PDFs, in place of the cover, which only says which viewer shows them."""
    pages = [""]
    losses.add("cover of a portfolio left out", "page", 1)
    for index in range(document.count_attachments()):
        try:
            data = bytes(document.get_attachment(index).get_data()) if index < _MOST_FILES else b""
            with closing(_open(source, data)) as inner:
                pages += _read_pages(source, inner, losses, recogniser, before=len(pages))
        except (pdfium.PdfiumError, DocumentRejectedError):
            losses.add("embedded files not read")
    if not any(pages):
        raise DocumentRejectedError(
            source,
            "a portfolio: its content is in embedded files, none of which is a PDF with text",
            hint="save its files beside it",
        )
    return pages


def _refuse_hardly_any_text(
    source: str, pages: list[str], losses: Losses, recogniser: Recogniser | None
) -> None:
    characters = sum(map(len, pages))
    if not characters:
        told = "they are images, or empty"
        if recogniser and recogniser.tried:
            told = "; ".join(losses.warnings())
        reason = f"no text in its {len(pages):,} pages: {told}"
        raise DocumentRejectedError(source, reason, hint=_RECOGNISE if not recogniser else _BETTER)
    images = losses.places(IMAGES)
    with_text = {number for number, page in enumerate(pages, 1) if page}
    stamps = {_NUMBERS.sub("", page) for page in pages if page}
    same = len(stamps) == 1 < len(with_text)
    few = characters < _FEWEST_CHARACTERS * len(images)
    if with_text <= images and (few or same):
        reason = f"hardly any text: {len(images):,} of its {len(pages):,} pages are images"
        raise DocumentRejectedError(source, reason, hint=_RECOGNISE)
    unreadable = sum(map(count_unreadable, pages))
    if unreadable > _UNREADABLE_SHARE * characters:
        reason = (
            f"{unreadable:,} of its {characters:,} characters have no meaning outside their fonts"
        )
        raise DocumentRejectedError(
            source, reason, hint=_RECOGNISE.replace("ocrmypdf", "ocrmypdf --force-ocr")
        )
