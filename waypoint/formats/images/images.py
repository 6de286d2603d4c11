"""Images as documents of their own: their text, by OCR. Each page of a TIFF is a page."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from waypoint.errors import DocumentRejectedError
from waypoint.formats.images.ocr import MOST_PAGES, MOST_PIXELS, NOT_FOUND, Recogniser
from waypoint.formats.losses import Losses
from waypoint.formats.registry import ParsedDocument, ReaderOptions
from waypoint.models import Place

MOST_SIDE_PIXELS = 100_000_000
"""Of an image as it is stored: all of them are decoded before it is made smaller."""
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
_LEAST_SIDE = 1_600
"""Pixels; of an image that is smaller (of a screen, mostly), letters are too small to be read."""
_FAULTS = (
    *(OSError, ValueError, SyntaxError, IndexError, TypeError, EOFError, OverflowError),
    *(KeyError, struct.error),
)
"""What Pillow raises on damaged images."""


class ImageReader:
    """Reads PNG, JPEG, TIFF and WebP."""

    def __init__(self, options: ReaderOptions) -> None:
        self._options = options

    def read(self, source: str, data: bytes) -> ParsedDocument:
        losses = Losses()
        recogniser = Recogniser(self._options)
        pages = _read_frames(source, data, recogniser, losses)
        if not any(pages) and not self._options.ocr_counts:
            told = "; ".join(losses.warnings()) or NOT_FOUND
            raise DocumentRejectedError(
                source, f"no text in it: {told}", hint="scan it at 300 dpi, or leave it out"
            )
        return put_together(pages, recogniser, losses)


def put_together(pages: Sequence[str], recogniser: Recogniser, losses: Losses) -> ParsedDocument:
    """Of pages that are all images."""
    starts, text = [], ""
    for page in pages:
        starts.append(len(text))
        text += f"{page}\n\n" if page else ""
    text = text.rstrip("\n")
    return ParsedDocument(
        text=text,
        pages=tuple(min(start, len(text)) for start in starts),
        places=(Place(0, "ocr", True),) if text else (),
        warnings=losses.warnings(),
        recognised=True,
        to_recognise=recogniser.tried,
    )


def _read_frames(source: str, data: bytes, recogniser: Recogniser, losses: Losses) -> list[str]:
    pages = []
    Image.MAX_IMAGE_PIXELS = MOST_SIDE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(BytesIO(data), formats=_FORMATS) as image:
                pages.append(_read_frame(image, recogniser, losses, 1))
                # Their number isn't asked for: that looks at all of them, and one that is cut off
                # would cost those before it.
                while image.format == "TIFF" and _next_frame(image):
                    if len(pages) == MOST_PAGES:
                        losses.add(f"pages after {MOST_PAGES:,} not read")
                        break
                    pages.append(_read_frame(image, recogniser, losses, len(pages) + 1))
        except Image.DecompressionBombError as error:
            raise _too_large(source) from error
        except UnidentifiedImageError as error:
            raise _damaged(source) from error
        except _FAULTS as error:
            if not recogniser.tried:
                raise _damaged(source) from error
            losses.add("damaged, not read, and what follows", "page", len(pages) + 1)
    return pages


def _next_frame(image: Image.Image) -> bool:
    """Go on to the next frame, if there is one."""
    try:
        image.seek(image.tell() + 1)
    except EOFError:
        return False
    return True


def _read_frame(image: Image.Image, recogniser: Recogniser, losses: Losses, number: int) -> str:
    if image.width * image.height > MOST_SIDE_PIXELS:
        losses.add(
            f"images of more than {MOST_SIDE_PIXELS // 10**6} million pixels", "page", number
        )
        return ""
    if not recogniser.may_try(losses, number):
        return ""
    return recogniser.read(_pixels(image), _dpi(image), losses, number)


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """In grey, upright, on white, in a size at which letters can be told apart."""
    image.draft("L", (image.width, image.height))
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        deep = np.asarray(image, dtype=np.float64)
        image = Image.fromarray((deep * (255.0 / max(1.0, deep.max()))).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L")
    scale = min(
        2.0 if max(image.size) < _LEAST_SIDE else 1.0,
        (MOST_PIXELS / (image.width * image.height)) ** 0.5,
    )
    if scale != 1.0:
        size = [max(1, round(side * scale)) for side in image.size]
        image = image.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.uint8)


def _dpi(image: Image.Image) -> int:
    """What the image says, if it can be so; as it was stored, which is near enough."""
    try:
        told = round(float(image.info.get("dpi", (0, 0))[0]))
    except _FAULTS:
        return 0
    return told if 70 <= told <= 1_200 else 0


def _damaged(source: str) -> DocumentRejectedError:
    return DocumentRejectedError(
        source, "damaged, or not such an image", hint="open it in a viewer and save it anew"
    )


def _too_large(source: str) -> DocumentRejectedError:
    return DocumentRejectedError(
        source,
        f"an image of more than {MOST_SIDE_PIXELS // 10**6} million pixels",
        hint="save it smaller: 300 dpi are enough",
    )
