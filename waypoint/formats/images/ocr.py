"""Text recognition by tesseract: a process a page, so that a page costs no other page.

It has the limits of memory of the process that starts it, and one of time. Which engine, and
why: docs/formats.md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from waypoint.child_environment import child_environment
from waypoint.errors import UsageError
from waypoint.formats.losses import Losses
from waypoint.formats.registry import ReaderOptions
from waypoint.formats.text.normalised import normalise_text

PROGRAM = "tesseract"
DPI = 300
"""At which pages are rendered: 200 saves a fifth of the time, at four times the errors."""
MOST_PIXELS = 40_000_000
"""Of a page; a larger one is recognised at fewer dots an inch. An A2 page has 35 million."""
PAGE_TIMEOUT = 60.0
"""Seconds of the clock; an A4 page took 1 to 7, and the largest, dense with text, 61 when busy."""
MOST_PAGES = 2_000
"""Of a document."""
LEAST_CERTAINTY = 50.0
"""Of a page's words on average. Pages of text have 95, also at 100 dpi and with noise; what it
sees in photographs, where it sees anything, 30."""
_TEXT_CELL = 11
"""The last of a row; before it stands how sure the engine is of it."""
_MOST_FAILURES = 5
"""In a row; of a document whose pages all fail, the others aren't tried."""

HOW = "--ocr auto with waypoint[ocr] and tesseract reads them"
NOT_FOUND = "images in which OCR found no text"

_LANGUAGES = re.compile(r"[A-Za-z0-9_/]+(?:\+[A-Za-z0-9_/]+)*")
_INSTALL = (
    "install both: pip install 'waypoint[ocr]' (or -r requirements-ocr.txt), and tesseract "
    "(Debian: apt-get install tesseract-ocr tesseract-ocr-deu; image: build with WITH_OCR=1); "
    "or go without: --ocr off"
)
_BLANK_LINES = re.compile(r"\n\s*\n+")


class Recogniser:
    """Reads the images of one document."""

    def __init__(self, options: ReaderOptions) -> None:
        self.force = options.ocr == "force"
        self.recognised: set[int] = set()
        """Numbers of the pages whose text it gave."""
        self.tried = 0
        """Pages, or those that would be, where they are only counted."""
        self.only_counts = options.ocr_counts
        self._languages = options.ocr_languages
        self._ends = time.monotonic() + options.ocr_timeout
        self._failures = 0

    def may_try(self, losses: Losses, number: int) -> bool:
        """Whether page ``number`` is to be recognised; if not, that is noted as a loss."""
        if self.tried >= MOST_PAGES:
            losses.add(f"images not read, after {MOST_PAGES:,} others", "page", number)
        elif self.only_counts:
            self.tried += 1
        elif self._failures >= _MOST_FAILURES:
            losses.add("images not read, after others that OCR failed on", "page", number)
        elif time.monotonic() >= self._ends:
            losses.add("images not read within --ocr-timeout", "page", number)
        else:
            return True
        return False

    def read(self, pixels: NDArray[np.uint8], dpi: int, losses: Losses, number: int) -> str:
        """The normalised text of a page; empty, with a loss, if there is none.

        ``pixels``: shape (height, width), 0 for black. ``dpi``: dots an inch; 0 if not known.
        """
        self.tried += 1
        left = self._ends - time.monotonic()
        try:
            text, certainty = recognise(
                pixels, dpi, self._languages, min(PAGE_TIMEOUT, max(1.0, left))
            )
        except subprocess.TimeoutExpired:
            losses.add("images that took OCR too long", "page", number)
            self._failures += 1
            return ""
        except (OSError, subprocess.CalledProcessError):
            losses.add("images that OCR failed on", "page", number)
            self._failures += 1
            return ""
        self._failures = 0
        text = _BLANK_LINES.sub("\n\n", normalise_text(text)).strip()
        if text and certainty < LEAST_CERTAINTY:
            losses.add("images in which OCR is sure of hardly a word", "page", number)
            return ""
        if text:
            self.recognised.add(number)
        else:
            losses.add(NOT_FOUND, "page", number)
        return text


def recognise(
    pixels: NDArray[np.uint8], dpi: int, languages: str, timeout: float
) -> tuple[str, float]:
    """The text in an image, and how sure of its words the engine is on average, 0 to 100.

    ``pixels``: of the shape (height, width).

    Raises OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired.
    """
    height, width = pixels.shape
    command = [PROGRAM, "-", "-", "-l", languages, *(["--dpi", str(dpi)] if dpi else []), "tsv"]
    done = subprocess.run(  # noqa: S603 - our own words, and languages that were checked
        command,
        input=b"P5 %d %d 255\n" % (width, height) + pixels.tobytes(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=timeout,
        check=True,
        # One thread: there is a process for each core already.
        env=child_environment(OMP_THREAD_LIMIT="1", **_tessdata()),
    )
    return _words(done.stdout.decode(errors="replace"))


def _words(table: str) -> tuple[str, float]:
    """The text of tesseract's table, a word in each row, and the mean of their certainties."""
    text, certainties = "", []
    paragraph = line = [""]
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) < _TEXT_CELL + 1 or not cells[_TEXT_CELL].strip():
            continue
        before, line = line, cells[1:5]
        above, paragraph = paragraph, cells[1:4]
        between = " " if line == before else "\n" if paragraph == above else "\n\n"
        text += (between if text else "") + cells[_TEXT_CELL]
        certainties.append(float(cells[_TEXT_CELL - 1]))
    return text, sum(certainties) / max(1, len(certainties))


def fitting_dpi(width: float, height: float) -> float:
    """Dots an inch for a page of this size, in points."""
    area = max(1.0, width) * max(1.0, height) / 72**2
    return float(min(DPI, (MOST_PIXELS / area) ** 0.5))


def require_engine(options: ReaderOptions) -> None:
    """
    Raises:
        UsageError: text recognition is asked for, and isn't installed, or not in that language.
    """
    if options.ocr == "off":
        return
    lacking = [name for name, there in _parts() if not there]
    if lacking:
        raise UsageError(
            f"--ocr {options.ocr} needs {' and '.join(lacking)}, not installed here", hint=_INSTALL
        )
    installed = _installed_languages()
    wanted = options.ocr_languages
    known = set(wanted.split("+")) <= set(installed)
    if not _LANGUAGES.fullmatch(wanted) or not known:
        raise UsageError(
            f"OCR_LANGUAGES (--ocr-languages) is {wanted!r}: tesseract has "
            f"{', '.join(installed) or 'none'} here",
            hint="give one of these, or several with + between (deu+eng); Debian's packages are "
            "tesseract-ocr-deu and the like",
        )


def seconds_a_page(languages: str) -> float:
    """How long a page of text takes here, by one that is made for it."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("L", (2480, 3508), 255)
    line = "The quick brown fox jumps over the lazy dog, 1,250 times."
    font = ImageFont.load_default(size=48)
    ImageDraw.Draw(page).multiline_text((200, 200), "\n".join([line] * 40), font=font, fill=0)
    began = time.monotonic()
    with suppress(OSError, subprocess.SubprocessError):
        recognise(np.asarray(page), DPI, languages, PAGE_TIMEOUT)
    return time.monotonic() - began


def _parts() -> Iterable[tuple[str, bool]]:
    yield "the Python package pillow", find_spec("PIL") is not None
    yield "the program tesseract", shutil.which(PROGRAM) is not None


def _installed_languages() -> list[str]:
    try:
        listed = subprocess.run(  # noqa: S603
            [PROGRAM, "--list-langs"],
            capture_output=True,
            text=True,
            timeout=PAGE_TIMEOUT,
            check=True,
            env=child_environment(**_tessdata()),
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        raise UsageError(f"tesseract does not start: {error}", hint=_INSTALL) from error
    return [name for name in listed.splitlines()[1:] if name != "osd"]


def _tessdata() -> dict[str, str]:
    """Where its languages are, if the user says so."""
    name = "TESSDATA_PREFIX"
    return {name: os.environ[name]} if name in os.environ else {}
