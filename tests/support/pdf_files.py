"""PDF files for tests, their pages drawn by hand: they are about where each word stands."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence

import pypdf
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

PAGE = (595, 842)
IMAGE = b"q %d 0 0 %d 0 0 cm /Im1 Do Q" % PAGE
"""Draws an image over the whole page."""
Placed = tuple[float, float, str]
"""Where a text begins, in points from the lower left corner, and the text."""


def placed(*texts: Placed, size: float = 12) -> bytes:
    """Draws each text at its place, in this order."""
    return b"\n".join(
        b"BT /F1 %g Tf %g %g Td %s Tj ET" % (size, x, y, _literal(text)) for x, y, text in texts
    )


def turned(degrees: int, content: bytes) -> bytes:
    """The content turned to the left, so that it is upright on a page that is turned back."""
    width, height = PAGE
    matrix = {
        0: b"1 0 0 1 0 0",
        90: b"0 1 -1 0 %d 0" % width,
        180: b"-1 0 0 -1 %d %d" % (width, height),
        270: b"0 -1 1 0 0 %d" % height,
    }[degrees]
    return b"q %s cm %s Q" % (matrix, content)


def drawn_pdf(
    *contents: bytes,
    rotate: int = 0,
    unicode: Mapping[str, str] | None = None,
    annotations: Sequence[DictionaryObject] = (),
    fields: Sequence[DictionaryObject] = (),
    xfa: str = "",
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """A page for each content; fields and annotations are on the first.

    ``unicode``: what characters the font says that its codes stand for. ``xfa``: the kind of an
    XFA form, ``static`` or ``dynamic``.
    """
    writer = pypdf.PdfWriter()
    font, image = _font(writer, unicode), _image(writer)
    for content in contents:
        page = writer.add_blank_page(*PAGE)
        page[NameObject("/Resources")] = DictionaryObject(
            {
                NameObject("/Font"): DictionaryObject({NameObject("/F1"): font}),
                NameObject("/XObject"): DictionaryObject({NameObject("/Im1"): image}),
            }
        )
        stream = DecodedStreamObject()
        stream.set_data(content)
        page[NameObject("/Contents")] = writer._add_object(stream)
        if rotate:
            page.rotate(rotate)
    for each in fields:
        if str(each["/FT"]) == "/Btn":
            states = {
                NameObject(name): writer._add_object(DecodedStreamObject())
                for name in ("/Yes", "/Off")
            }
            each[NameObject("/AP")] = DictionaryObject({NameObject("/N"): DictionaryObject(states)})
    widgets = [writer._add_object(each) for each in fields]
    notes = [writer._add_object(each) for each in annotations]
    writer.pages[0][NameObject("/Annots")] = ArrayObject([*widgets, *notes])
    if fields or xfa:
        form = DictionaryObject({NameObject("/Fields"): ArrayObject(widgets)})
        if xfa:
            xml = DecodedStreamObject()
            xml.set_data(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")
            form[NameObject("/XFA")] = writer._add_object(xml)
        if xfa == "dynamic":
            writer._root_object[NameObject("/NeedsRendering")] = BooleanObject(value=True)
        writer._root_object[NameObject("/AcroForm")] = form
    for name, data in (files or {}).items():
        writer.add_attachment(name, data)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def field(
    kind: str, box: Sequence[float], *, value: str = "", flags: int = 0, hidden: bool = False
) -> DictionaryObject:
    """A form's field: ``Tx`` of text, ``Ch`` of choice, ``Btn`` (``value``: Yes or Off)."""
    entry = annotation("Widget", box, flags=2 if hidden else 4)
    entry[NameObject("/FT")] = NameObject(f"/{kind}")
    entry[NameObject("/T")] = TextStringObject(f"field at {tuple(box)}")
    entry[NameObject("/Ff")] = NumberObject(flags)
    if kind == "Btn":
        entry[NameObject("/AS")] = entry[NameObject("/V")] = NameObject(f"/{value}")
    else:
        entry[NameObject("/V")] = TextStringObject(value)
    return entry


def annotation(
    kind: str, box: Iterable[float], *, contents: str = "", flags: int = 4
) -> DictionaryObject:
    """An annotation of a page."""
    return DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject(f"/{kind}"),
            NameObject("/Rect"): ArrayObject([FloatObject(each) for each in box]),
            NameObject("/Contents"): TextStringObject(contents),
            NameObject("/F"): NumberObject(flags),
        }
    )


def _font(writer: pypdf.PdfWriter, unicode: Mapping[str, str] | None) -> DictionaryObject:
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
            NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
        }
    )
    if unicode:
        lines = "".join(
            f"<{ord(code):02X}> <{text.encode('utf-16-be').hex()}>\n"
            for code, text in unicode.items()
        )
        table = DecodedStreamObject()
        table.set_data(
            b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
            b"1 begincodespacerange <00> <FF> endcodespacerange\n"
            b"%d beginbfchar\n%sendbfchar endcmap end end" % (len(unicode), lines.encode())
        )
        font[NameObject("/ToUnicode")] = writer._add_object(table)
    return writer._add_object(font)  # type: ignore[return-value]


def _image(writer: pypdf.PdfWriter) -> DictionaryObject:
    image = DecodedStreamObject()
    image.set_data(b"\x80")
    image.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Image"),
            NameObject("/Width"): NumberObject(1),
            NameObject("/Height"): NumberObject(1),
            NameObject("/ColorSpace"): NameObject("/DeviceGray"),
            NameObject("/BitsPerComponent"): NumberObject(8),
        }
    )
    return writer._add_object(image)  # type: ignore[return-value]


def _literal(text: str) -> bytes:
    shown = text.encode("cp1252")
    for special in (b"\\", b"(", b")"):
        shown = shown.replace(special, b"\\" + special)
    return b"(" + shown + b")"
