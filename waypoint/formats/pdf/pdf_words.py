"""The words that a PDF page draws, and where: what PDFium knows of characters, put together."""

from __future__ import annotations

import ctypes
import math
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import pypdfium2 as pdfium
from pypdfium2 import raw

from waypoint.formats.text.symbols import in_font

DIVISION = "\x02"
"""Ends a word that goes on at the next line's beginning, behind a hyphen."""
UNREADABLE = "\ufffd"
SLANTED = 4
"""The direction of text that is parallel to no edge of the page: a watermark, often."""

_WORD = re.compile(rf"[^\s{DIVISION}]+{DIVISION}?|{DIVISION}")
_CONTROLS = re.compile("[\x00-\x01\x03-\x08\x0e-\x1f\x7f]")
_DIGIT = re.compile(r"\d")
_PRIVATE = re.compile("[\uf020-\uf0ff]")
_MOST_FONT_NAME = 128
_FONT_STYLE = re.compile(r"^[A-Z]{6}\+|[-,]?(?:Regular|Bold|Italic|MT|PS)+\b|-")
"""What surrounds a font's name in a PDF: "ABCDEF+Wingdings-Regular"."""
_FARTHEST = 100_000.0
"""Points: no page is larger, and a file may say anything."""
_MOST_SLANT = math.radians(8)
_OTHER_LINE = 0.12
"""Of a word's height: characters whose baselines are that far apart are not on one line."""
_NO_MEANING = frozenset({"Co", "Cn"})


class Word(NamedTuple):
    """What stands between two spaces, as someone sees it who holds its text upright.

    Lengths are in points. ``base`` grows downwards, ``left`` and ``right`` along the text.
    """

    text: str
    direction: int
    """Quarter turns that the text is turned to the left by, or SLANTED."""
    left: float
    right: float
    base: float
    height: float


class Box(NamedTuple):
    """A rectangle of a page, in points from the lower left corner, before the page is turned."""

    left: float
    bottom: float
    right: float
    top: float


class PageText:
    """The characters of an open page. To be used while the text page is open."""

    def __init__(self, text_page: pdfium.PdfTextPage, box: Box) -> None:
        self._page = text_page.raw
        self._box = box
        code, page = raw.FPDFText_GetUnicode, self._page
        codes = [code(page, at) for at in range(text_page.count_chars())]
        if codes and max(codes) > sys.maxunicode:
            codes = [each if each <= sys.maxunicode else ord(UNREADABLE) for each in codes]
        self._text = _CONTROLS.sub(UNREADABLE, "".join(map(chr, codes)))
        # For all of the calls: there are five of them for each word.
        self._x, self._y, self._rectangle = ctypes.c_double(), ctypes.c_double(), raw.FS_RECTF()

    def words(self) -> Iterator[Word]:
        """In the order in which they are drawn; without those that are drawn beside the page."""
        left, bottom, right, top = self._box
        for match in _WORD.finditer(self._text):
            start, end = match.span()
            x, y = self._origin(start)
            if not (left <= x <= right and bottom <= y <= top):
                x, y = self._origin(end - 1)
                if not (left <= x <= right and bottom <= y <= top):
                    continue
            text = match[0]
            direction = self._direction(start)
            if text.isalpha() or not _DIGIT.search(text, 1):
                yield self._word(text, start, end, direction)
                continue
            for first, last in self._parts(start, end, direction):
                yield self._word(self._text[first:last], first, last, direction)

    def _parts(self, start: int, end: int, direction: int) -> list[tuple[int, int]]:
        """The word in pieces of one baseline each: an exponent is a piece of its own."""
        bases = [turned(direction, *self._origin(at))[1] for at in range(start, end)]
        most = _OTHER_LINE * extent(direction, self._corners(start))[2]
        cuts = [
            start + at + 1
            for at, (one, other) in enumerate(pairwise(bases))
            if abs(one - other) > most
        ]
        return list(zip([start, *cuts], [*cuts, end], strict=True))

    def _word(self, text: str, start: int, end: int, direction: int) -> Word:
        base = turned(direction, *self._origin(start))[1]
        left, right, height = extent(direction, self._corners(start))
        if end - start > 1:
            other_left, other_right, _ = extent(direction, self._corners(end - 1))
            left, right = min(left, other_left), max(right, other_right)
        if not abs(left) + abs(right) + abs(base) + height < _FARTHEST:  # nor is NaN
            left = right = base = height = 0.0
        return Word(self._readable(text, start), direction, left, right, base, height)

    def _readable(self, text: str, start: int) -> str:
        """In plain characters, where a font of signs says which ones those are."""
        if text.isascii():
            return text
        if _PRIVATE.search(text):
            font = self._font(start)
            text = "".join(
                in_font(font, character, _nothing) or character
                if _PRIVATE.match(character)
                else character
                for character in text
            )
        # PDFium gives some characters as the halves of a surrogate pair.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _font(self, at: int) -> str:
        name = ctypes.create_string_buffer(_MOST_FONT_NAME)
        raw.FPDFText_GetFontInfo(self._page, at, name, _MOST_FONT_NAME, None)
        return _FONT_STYLE.sub(" ", name.value.decode(errors="replace")).strip()

    def _direction(self, at: int) -> int:
        angle = raw.FPDFText_GetCharAngle(self._page, at)
        if not angle:
            return 0
        turn = -angle / (math.pi / 2)
        slant = abs(turn - round(turn)) * math.pi / 2
        return SLANTED if slant > _MOST_SLANT else round(turn) % 4

    def _origin(self, at: int) -> tuple[float, float]:
        raw.FPDFText_GetCharOrigin(self._page, at, self._x, self._y)
        return self._x.value, self._y.value

    def _corners(self, at: int) -> Box:
        box = self._rectangle
        raw.FPDFText_GetLooseCharBox(self._page, at, box)
        return Box(box.left, box.bottom, box.right, box.top)


def turned(direction: int, x: float, y: float) -> tuple[float, float]:
    """Where a point is along the text, and down the lines."""
    return ((x, -y), (y, x), (-x, y), (-y, -x), (x, -y))[direction]


def extent(direction: int, box: Box) -> tuple[float, float, float]:
    """Left, right and height of a box, for someone who holds its text upright."""
    if direction == 0:
        return box.left, box.right, box.top - box.bottom
    one, top = turned(direction, box.left, box.bottom)
    other, bottom = turned(direction, box.right, box.top)
    return min(one, other), max(one, other), abs(bottom - top)


def _nothing() -> None:
    """What a font doesn't say is counted by ``count_unreadable``."""


def count_unreadable(text: str) -> int:
    """How many characters have no meaning outside the document's fonts."""
    if text.isascii():
        return 0
    return sum(
        count
        for character, count in Counter(text).items()
        if character == UNREADABLE or unicodedata.category(character) in _NO_MEANING
    )
