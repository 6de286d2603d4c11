"""Words looked for in a text, whatever their case, and where they begin a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property


class Keyword:
    """A word, the beginning of one (``escalat``), or several words in a row."""

    def __init__(self, word: str) -> None:
        self.word = word

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = r"\s+".join(re.escape(part) for part in self.word.split()) or re.escape(self.word)
        # "HS" is not in "ships". Scripts that put no space between words have no such beginning.
        first = self.word.lstrip()[:1]
        boundary = r"(?<![^\W_])" if first.isascii() and first.isalnum() else ""
        return re.compile(boundary + words, re.IGNORECASE)

    def occurs_in(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it occurs, in characters."""
        for match in self._pattern.finditer(text):
            yield match.span()
