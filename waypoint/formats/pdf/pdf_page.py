"""A page of a PDF: its text, and what of it could not be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pypdfium2 as pdfium
from pypdfium2 import raw

from waypoint.formats.images.ocr import HOW, Recogniser, fitting_dpi
from waypoint.formats.losses import Losses
from waypoint.formats.pdf.pdf_annotations import typed_words
from waypoint.formats.pdf.pdf_layout import page_text
from waypoint.formats.pdf.pdf_words import Box, PageText, count_unreadable
from waypoint.formats.registry import READ_BY_OCR
from waypoint.formats.text.normalised import normalise_text, too_much_text

IMAGES, DRAWINGS = (f"{each} ({HOW})" for each in READ_BY_OCR)
_HARDLY_ANY = 100
"""Characters: a scanned page may bear a number, a court's stamp or its scanner's name."""
_COVERED = 0.7
"""Of a page with hardly any text, by images: then it is taken to be a scan."""
_FEWEST_LINES = 20
"""Of a drawing that may be text: fewer are a frame or a rule."""
_MOST_OBJECTS = 5_000
_MOST_DEPTH = 8

_LINE_TAILS = re.compile(r"[ \t\xa0]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


def read_page(
    source: str,
    document: pdfium.PdfDocument,
    index: int,
    most: int,
    losses: Losses,
    recogniser: Recogniser | None,
    number: int,
) -> str:
    """The normalised text of a page; losses are noted under its ``number``.

    Raises:
        PdfiumError: the page is damaged.
        DocumentRejectedError: it has more than ``most`` characters.
    """
    with _opened(document[index]) as page:
        box = _box(page)
        with _opened(page.get_textpage()) as text_page:
            if text_page.count_chars() > most:
                raise too_much_text(source, most)
            drawn = list(PageText(text_page, box).words())
        text = page_text(drawn, typed_words(page, losses, number))
        text = normalise_text(text, source=source)
        text = _BLANK_LINES.sub("\n\n", _LINE_TAILS.sub("", text)).strip()
        lost = _pictures(page, box, bool(text)) if len(text) <= _HARDLY_ANY else ""
        if recogniser and (lost or recogniser.force):
            text = _recognised(page, box, text, recogniser, losses, number)
        if lost and (recogniser is None or recogniser.only_counts):
            losses.add(lost, "page", number)
    if count_unreadable(text):
        losses.add("characters that have no meaning outside their fonts", "page", number)
    return text


@contextmanager
def _opened(part: pdfium.PdfPage | pdfium.PdfTextPage) -> Iterator[pdfium.PdfPage]:
    try:
        yield part
    finally:
        part.close()


def _box(page: pdfium.PdfPage) -> Box:
    """What is seen of a page."""
    box = raw.FS_RECTF()
    raw.FPDF_GetPageBoundingBox(page.raw, box)
    return Box(box.left, box.bottom, box.right, box.top)


def _recognised(
    page: pdfium.PdfPage,
    box: Box,
    text: str,
    recogniser: Recogniser,
    losses: Losses,
    number: int,
) -> str:
    """The page's text by OCR; ``text``, which it had, if that gives none."""
    is_blank = not text and next(iter(page.get_objects(max_depth=1)), None) is None
    if is_blank or not recogniser.may_try(losses, number):
        return text
    dpi = fitting_dpi(box.right - box.left, box.top - box.bottom)
    bitmap = page.render(scale=dpi / 72, grayscale=True, may_draw_forms=False)
    try:
        pixels = bitmap.to_numpy().reshape(bitmap.height, bitmap.width)
        return recogniser.read(pixels, round(dpi), losses, number) or text
    finally:
        bitmap.close()


def _pictures(page: pdfium.PdfPage, box: Box, has_text: bool) -> str:
    """What is lost: images, or a drawing, where who looks at the page may see text; or nothing."""
    lines, covered, images = 0, 0.0, 0
    for item in islice(page.get_objects(max_depth=_MOST_DEPTH), _MOST_OBJECTS):
        if item.type == raw.FPDF_PAGEOBJ_PATH:
            lines += 1
        elif item.type == raw.FPDF_PAGEOBJ_IMAGE:
            images += 1
            left, bottom, right, top = item.get_bounds()
            # Within a form, the size is that before the form is scaled.
            covered += 1.0 if item.level else _area(Box(left, bottom, right, top)) / _area(box)
    if images and (covered >= _COVERED or not has_text):
        return IMAGES
    if lines >= _FEWEST_LINES and not has_text:
        return DRAWINGS
    return ""


def _area(box: Box) -> float:
    return max(1.0, abs((box.right - box.left) * (box.top - box.bottom)))
