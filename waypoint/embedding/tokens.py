"""Estimates of a text's tokens, for the quota, the bill, the size of chunks and the input limit.

gemini-embedding-001 tells no counts and its tokenizer is not published, so we weigh characters.
The weights are fitted to the tokenizer of Gemma 3, which Google says is that of Gemini 2.0
(Gemma 3 Technical Report, section 2: SentencePiece, 262k entries, digits split, white space
kept, byte-level fallback). Its figures on 2 MB samples of FineWeb, FineWeb-2 and StarCoder, in
UTF-8 bytes a token, are those of tokka-bench (github.com/bgub/tokka-bench, ``Gemma 3.json``):
English 4.36, German 4.12, Finnish 3.12, Russian 6.41, Greek 4.75, Arabic 5.09, Hebrew 3.82,
Hindi 9.28, Mandarin 3.93, Japanese 4.97, Korean 4.02; Python 3.52, C 2.81, JSON 2.78, CSS 2.40.
Google's own rule of thumb is four characters a token (ai.google.dev/gemini-api/docs/tokens).

An estimate is a sum over characters: it only grows as a text does, and a whole never has more
tokens than its parts together. The chunker relies on both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

ESTIMATOR = "gemma-1"
"""To be counted up whenever the same text would be estimated differently than before."""

MOST_CHARACTERS_PER_TOKEN = 10
"""No text is estimated at fewer tokens than its characters divided by this."""

_UNIT = 100
"""Weights are in hundredths of a token."""

_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = b"0123456789"
_BLANK = b" \t"
_LINE_END = b"\n\r"
_RULE = b"-=_*#~"
"""Marks that come in runs, which are one token: rules, emphasis, the lines of tables."""

_LONG_RUN = re.compile(r"\S{25,}")
"""Longer than words are: keys, hashes, base64, which no vocabulary knows."""

_SPECIAL_TOKENS = 2
"""Which a tokenizer may put around a text."""


@dataclass(frozen=True)
class _Weights:
    """Hundredths of a token for one character of each kind."""

    lower: int
    upper: int
    digit: int
    blank: int
    line_end: int
    rule: int
    other: int
    """Punctuation and control characters of ASCII."""
    scripts: tuple[tuple[int, int, int], ...]
    """First and last code point of a range, and its weight; later ones win. What is in none
    of them weighs a token for each byte of UTF-8."""
    _ascii: tuple[tuple[bytes, int], ...] = field(init=False)

    def __post_init__(self) -> None:
        # The most frequent first: each is looked for only in what the ones before it left.
        kinds = (
            (_LOWER, self.lower),
            (_BLANK, self.blank),
            (_UPPER, self.upper),
            (_DIGITS, self.digit),
            (_RULE, self.rule),
            (_LINE_END, self.line_end),
        )
        object.__setattr__(self, "_ascii", kinds)

    def of(self, text: str) -> int:
        """The text's weight, in hundredths of a token."""
        if text.isascii():
            return self._of_ascii(text.encode("ascii"))
        # A look-up for all characters at once: a loop over them takes 20 times as long.
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        return int(self._by_code_point[codes].sum())

    def _of_ascii(self, data: bytes) -> int:
        weight, left = 0, len(data)
        for kind, each in self._ascii:
            data = data.translate(None, kind)
            weight += (left - len(data)) * each
            left = len(data)
            if not left:
                return weight
        return weight + left * self.other

    @cached_property
    def _by_code_point(self) -> NDArray[np.uint16]:
        table = np.empty(0x110000, np.uint16)
        for first, last, size in ((0x80, 0x7FF, 2), (0x800, 0xFFFF, 3), (0x10000, 0x10FFFF, 4)):
            table[first : last + 1] = size * _UNIT
        for first, last, weight in self.scripts:
            table[first : last + 1] = weight
        table[:0x80] = [self._of_ascii(bytes((code,))) for code in range(0x80)]
        return table


# Each is the figure of the sources above for the script's least well served large language,
# freed of the spaces between words, and rounded up.
_SCRIPTS = (
    (0x0080, 0x00BF, 100),  # signs of Latin-1
    (0x00C0, 0x024F, 150),  # Latin with accents: few, and the mark of languages denser than English
    (0x0250, 0x036F, 100),  # phonetic letters, combining accents
    (0x0370, 0x03FF, 48),  # Greek
    (0x0400, 0x052F, 42),  # Cyrillic
    (0x0530, 0x058F, 72),  # Armenian
    (0x0590, 0x05FF, 60),  # Hebrew
    (0x0600, 0x06FF, 48),  # Arabic, Persian
    (0x0780, 0x07BF, 80),  # Thaana
    (0x0900, 0x09FF, 38),  # Devanagari, Bengali
    (0x0A00, 0x0A7F, 70),  # Gurmukhi
    (0x0A80, 0x0AFF, 52),  # Gujarati
    (0x0B00, 0x0B7F, 90),  # Odia
    (0x0B80, 0x0BFF, 38),  # Tamil
    (0x0C00, 0x0D7F, 52),  # Telugu, Kannada, Malayalam
    (0x0D80, 0x0DFF, 65),  # Sinhala
    (0x0E00, 0x0E7F, 42),  # Thai
    (0x0E80, 0x0EFF, 65),  # Lao
    (0x0F00, 0x0FFF, 80),  # Tibetan
    (0x1000, 0x109F, 80),  # Burmese
    (0x10A0, 0x10FF, 58),  # Georgian
    (0x1100, 0x11FF, 150),  # single letters of Hangul
    (0x1200, 0x137F, 85),  # Ethiopic
    (0x1780, 0x17FF, 56),  # Khmer
    (0x1E00, 0x1EFF, 50),  # Vietnamese
    (0x1F00, 0x1FFF, 150),  # ancient Greek
    (0x2000, 0x206F, 100),  # dashes, quotation marks, joiners
    (0x2070, 0x2BFF, 150),  # currencies, arrows, mathematics, boxes, symbols
    (0x3000, 0x303F, 90),  # punctuation of Chinese and Japanese
    (0x3040, 0x30FF, 62),  # Hiragana, Katakana
    (0x4E00, 0x9FFF, 82),  # Chinese characters; the rare ones of other ranges fall to bytes
    (0xAC00, 0xD7AF, 82),  # Hangul
    (0xFE00, 0xFE0F, 100),  # selectors behind emoji
    (0xFF00, 0xFF9F, 100),  # wide and narrow forms
    (0x1F1E6, 0x1FAFF, 200),  # emoji: the usual ones are a token, the others four bytes
)

_FAIR = _Weights(
    lower=25, upper=45, digit=100, blank=10, line_end=40, rule=40, other=85, scripts=_SCRIPTS
)

# What covers each Latin language of the table (Maltese 2.59 bytes a token, Icelandic 2.79,
# Somali 2.83), and half as much again for other scripts, within their bytes.
_CAUTIOUS = _Weights(
    lower=40,
    upper=55,
    digit=100,
    blank=15,
    line_end=100,
    rule=100,
    other=100,
    scripts=tuple(
        (first, last, min(weight * 3 // 2, _UNIT * len(chr(first).encode())))
        for first, last, weight in _SCRIPTS
    ),
)
_LONG_RUN_LETTER = 75
"""A letter of base64: 1.3 characters a token are fewer than any tokenizer of this size needs."""


def estimate_tokens(text: str) -> int:
    """Tokens of ``text``, rounded up; at least 1.

    A little on the safe side: English prose comes to 4.0 to 4.3 characters a token, where 4.4 were
    measured. 600 characters take about 4 µs, or 9 µs if they aren't ASCII.
    """
    return max(1, -(-_FAIR.of(text) // _UNIT))


def most_tokens(text: str) -> int:
    """A cautious upper estimate, for the input limit, beyond which the service cuts silently.

    English prose comes to 2.7 characters a token. Never below ``estimate_tokens``, and never
    above ``token_bound``.
    """
    weight = _CAUTIOUS.of(text)
    for run in _LONG_RUN.findall(text):
        weight += _run_surplus(run)
    return -(-weight // _UNIT) + _SPECIAL_TOKENS


def token_bound(text: str) -> int:
    """What no text can exceed, since a token has at least one byte; takes next to no time."""
    return len(text.encode("utf-8", "surrogatepass")) + _SPECIAL_TOKENS


def _run_surplus(run: str) -> int:
    data = run.encode("ascii", "ignore")
    without_lower = data.translate(None, _LOWER)
    without_letters = without_lower.translate(None, _UPPER)
    lower, upper = len(data) - len(without_lower), len(without_lower) - len(without_letters)
    return lower * (_LONG_RUN_LETTER - _CAUTIOUS.lower) + upper * (
        _LONG_RUN_LETTER - _CAUTIOUS.upper
    )
