"""What lies upon a PDF page rather than in it: the values of form fields, and typed notes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pypdfium2 as pdfium
from pypdfium2 import raw

from waypoint.formats.losses import Losses
from waypoint.formats.pdf.pdf_words import Box, Word, extent, turned

_UNSEEN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
_MOST_ANNOTATIONS = 20_000
"""Of a page."""
_MOST_CHARACTERS = 1_000_000
"""Of one annotation."""
_LINE_HEIGHT = 14.0
"""Points: what a field's text is taken to be set in, unless its box is lower."""
_BASELINE = 0.3
"""Of a line's height, below its middle."""

_COMMENTS = {
    raw.FPDF_ANNOT_TEXT,
    raw.FPDF_ANNOT_HIGHLIGHT,
    raw.FPDF_ANNOT_UNDERLINE,
    raw.FPDF_ANNOT_SQUIGGLY,
    raw.FPDF_ANNOT_STRIKEOUT,
    raw.FPDF_ANNOT_CARET,
    raw.FPDF_ANNOT_STAMP,
}
_TICKED = {raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON}
_FILLED = {
    raw.FPDF_FORMFIELD_TEXTFIELD,
    raw.FPDF_FORMFIELD_COMBOBOX,
    raw.FPDF_FORMFIELD_LISTBOX,
}

_Getter = Callable[[ctypes.Array[ctypes.c_ushort] | None, int], int]


def typed_words(page: pdfium.PdfPage, losses: Losses, number: int) -> Iterator[Word]:
    """Each line of what was typed on a page, as a word at its place. ``number``: of the page.

    Of a check box and a radio button, whether it is ticked. What a password field holds is no
    part of the text. Comments and attached files are told as losses.
    """
    form = page.formenv.raw if page.formenv else None
    direction = page.get_rotation() // 90
    for index in range(min(_MOST_ANNOTATIONS, raw.FPDFPage_GetAnnotCount(page))):
        with _annotation(page, index) as note:
            if not note or raw.FPDFAnnot_GetFlags(note) & _UNSEEN:
                continue
            kind = raw.FPDFAnnot_GetSubtype(note)
            text = ""
            if kind == raw.FPDF_ANNOT_WIDGET and form:
                text = _field_text(form, note)
            elif kind == raw.FPDF_ANNOT_FREETEXT:
                text = _contents(note)
            elif kind in _COMMENTS and _contents(note).strip():
                losses.add("comments not read", "page", number)
            elif kind == raw.FPDF_ANNOT_FILEATTACHMENT:
                losses.add("attached files not read", "page", number)
            if text:
                yield from _lines(text, _rectangle(note), direction)


@contextmanager
def _annotation(page: pdfium.PdfPage, index: int) -> Iterator[raw.FPDF_ANNOTATION | None]:
    note = raw.FPDFPage_GetAnnot(page, index)
    try:
        yield note
    finally:
        if note:
            raw.FPDFPage_CloseAnnot(note)


def _field_text(form: raw.FPDF_FORMHANDLE, note: raw.FPDF_ANNOTATION) -> str:
    kind = raw.FPDFAnnot_GetFormFieldType(form, note)
    if kind in _TICKED:
        return "[x]" if raw.FPDFAnnot_IsChecked(form, note) else "[ ]"
    if kind not in _FILLED:
        return ""
    flags = raw.FPDFAnnot_GetFormFieldFlags(form, note)
    if kind == raw.FPDF_FORMFIELD_TEXTFIELD and flags & raw.FPDF_FORMFLAG_TEXT_PASSWORD:
        return ""
    return _text(lambda buffer, size: raw.FPDFAnnot_GetFormFieldValue(form, note, buffer, size))


def _contents(note: raw.FPDF_ANNOTATION) -> str:
    return _text(lambda buffer, size: raw.FPDFAnnot_GetStringValue(note, b"Contents", buffer, size))


def _text(get: _Getter) -> str:
    """What PDFium writes into a buffer, after it has said how large that must be, in bytes."""
    size = min(get(None, 0), 2 * _MOST_CHARACTERS)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2))()
    get(buffer, size)
    return bytes(buffer).decode("utf-16-le", "replace").partition("\0")[0]


def _rectangle(note: raw.FPDF_ANNOTATION) -> Box:
    box = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(note, box)
    return Box(box.left, box.bottom, box.right, box.top)


def _lines(text: str, box: Box, direction: int) -> Iterator[Word]:
    left, right, height = extent(direction, box)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    top = min(turned(direction, box.left, box.bottom)[1], turned(direction, box.right, box.top)[1])
    step = min(_LINE_HEIGHT, height / max(1, len(lines)))
    first = top + (height / 2 if len(lines) == 1 else step / 2)
    for number, line in enumerate(lines):
        base = first + number * step + _BASELINE * step
        yield Word(line, direction, left, right, base, step)
