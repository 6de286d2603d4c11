"""Scans that are made: lines of text as an image, and PDFs of such images."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFont

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed"
)


def scan(*lines: str, size: tuple[int, int] = (1200, 400)) -> Image.Image:
    """A page with these lines, as at 300 dpi."""
    page = Image.new("L", size, 245)
    font = ImageFont.load_default(size=44)
    ImageDraw.Draw(page).multiline_text((60, 60), "\n\n".join(lines), font=font, fill=20)
    return page


def as_bytes(image: Image.Image, form: str, more: Sequence[Image.Image] = ()) -> bytes:
    stored = BytesIO()
    extra = {"save_all": True, "append_images": more} if more else {}
    image.save(stored, form, dpi=(300, 300), **extra)
    return stored.getvalue()


def pdf_of(*pages: str | Image.Image) -> bytes:
    """A page with text for each string, one of nothing but the image for each image."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", FONT]
    kids = []
    for page in pages:
        number = len(objects) + 1
        kids.append(b"%d 0 R" % number)
        resources, content = b"<< /Font << /F 3 0 R >> >>", b""
        if isinstance(page, str):
            content = b"BT /F 5 Tf 20 300 Td (%s) Tj ET" % page.encode()
        else:
            resources = b"<< /XObject << /I %d 0 R >> >>" % (number + 2)
            content = b"q 480 0 0 320 0 0 cm /I Do Q"
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 480 320] /Resources %s"
            b" /Contents %d 0 R >>" % (resources, number + 1)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        if not isinstance(page, str):
            jpeg = as_bytes(page, "JPEG")
            objects.append(
                b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray"
                b" /BitsPerComponent 8 /Filter /DCTDecode /Length %d >>\nstream\n%s\nendstream"
                % (*page.size, len(jpeg), jpeg)
            )
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    out = b"%PDF-1.4\n"
    places = []
    for index, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (index, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (size, table, size, len(out))
    )


FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def engine_says(*words: str, certainty: float = 96) -> str:
    """A shell's command that writes what tesseract would of a line of these words."""
    rows = [
        f"5\\t1\\t1\\t1\\t1\\t{number}\\t0\\t0\\t9\\t9\\t{certainty}\\t{word}\\n"
        for number, word in enumerate(words, 1)
    ]
    return f"cat >/dev/null; printf 'level\\n{''.join(rows)}'"
