"""Normalised text: what all spans, hashes and vectors refer to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

from waypoint.errors import DocumentRejectedError
from waypoint.formats.text.decoding import DecodedText, decode

MAX_CHARACTERS = 50_000_000
"""Of text that a file may give whatever its size."""
_USUAL_GROWTH = 8
MAX_MARKS = 128
"""Most combining marks in a row. Ordering them takes time that grows with the square of their
number: 15 s for 100,000, 0.4 µs a character for runs of 128. Unicode's Stream-Safe Text Format
(UAX #15) allows 30, and no language is known to need more than 18."""

_ODD_ENDS = "\r\x85\u2028\u2029"
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")


def read_text(source: str, data: bytes, *, declared: str = "") -> DecodedText:
    """Decode and normalise the text of a file; see ``decode`` and ``normalise_text``.

    Raises DocumentRejectedError.
    """
    decoded = decode(source, data, declared=declared)
    return DecodedText(
        normalise_text(decoded.text, source=source), decoded.encoding, decoded.warnings
    )


def normalise_text(text: str, *, source: str = "") -> str:
    """Without leading BOM, with LF line ends, in Unicode's form NFC.

    CR and CRLF are line ends, and so are NEL (of mainframes), LINE and PARAGRAPH SEPARATOR, as
    the Unicode Standard (5.8) has them. Form feeds and vertical tabs stay: they are white space.

    Raises DocumentRejectedError for half a surrogate pair, and for more than ``MAX_MARKS``
    combining marks in a row; it names ``source``.
    """
    if text.isascii():
        return any_line_ends(text)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DocumentRejectedError(
            source, f"half a surrogate pair at character {error.start:,}"
        ) from error
    _refuse_hostile_marks(source, text)
    text = text.lstrip("\ufeff")
    if any(end in text for end in _ODD_ENDS):  # a tenth of the search's time
        text = _LINE_ENDS.sub("\n", text)
    return unicodedata.normalize("NFC", text)


def any_line_ends(text: str) -> str:
    """With LF for CR and CRLF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def lines_of(text: str) -> Iterator[str]:
    """One at a time, with its LF: of millions that are short, each takes more than it says."""
    start = 0
    while end := text.find("\n", start) + 1:
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _refuse_hostile_marks(source: str, text: str) -> None:
    single, too_many = _marks()
    # A run that is too long covers one of these places at least. Looking at all takes 0.4 µs a
    # character, which is more than everything else that reading a text takes.
    for match in single.finditer(text[MAX_MARKS::MAX_MARKS]):
        place = (match.start() + 1) * MAX_MARKS
        around = text[max(0, place - MAX_MARKS) : place + MAX_MARKS + 1]
        if too_many.search(around):
            raise DocumentRejectedError(
                source,
                f"more than {MAX_MARKS} combining marks in a row near character {place:,}",
                hint="remove them: no text needs so many",
            )


@cache
def _marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What matches a combining mark, and more of them than are allowed."""
    marks = [chr(code) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code))]
    one = f"[{''.join(marks)}]"
    # From the first mark of a run only: else the search itself is quadratic.
    return re.compile(one), re.compile(f"(?<!{one}){one}{{{MAX_MARKS + 1}}}")


def is_unicode(text: str) -> bool:
    """Whether it can be written as UTF-8: it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class TextBudget:
    """What a file may still give of text, where names are repeated for each value beside them.

    30 KB of short cells below a header of 20,000 characters come to 100 MB. ``size``: of the
    file's own text; several times that is usual, and allowed.
    """

    def __init__(self, source: str, size: int) -> None:
        self._source = source
        self._most = max(MAX_CHARACTERS, _USUAL_GROWTH * size)
        self._spent = 0

    def spend(self, parts: Iterable[str]) -> Iterator[str]:
        """The same parts. Raises DocumentRejectedError where all together are too much."""
        before = self._spent
        for part in parts:
            self._spent += len(part)
            if self._spent > self._most:
                # What is rejected takes no memory: the file's other records may be had.
                self._spent = before
                raise too_much_text(self._source, self._most)
            yield part


def too_much_text(source: str, most: int) -> DocumentRejectedError:
    """The reject of a file that gives more than ``most`` characters of text."""
    return DocumentRejectedError(
        source, f"more than {most:,} characters of text", hint="split the file"
    )
