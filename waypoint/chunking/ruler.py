"""The sizes of spans of one text, in the unit of the settings."""

from __future__ import annotations

from waypoint.chunking.settings import SizeUnit


class Ruler:
    """Measures spans of a text; whatever is asked, it looks at no more of it than it must."""

    def __init__(self, text: str, unit: SizeUnit) -> None:
        self._text = text
        self._unit = unit
        self._by_characters = unit.measure is len

    def size(self, start: int, end: int) -> int:
        """The size of a span; 0 for an empty one."""
        if self._by_characters or start == end:
            return end - start
        return self._unit.measure(self._text[start:end])

    def fits(self, start: int, end: int, size: int) -> bool:
        """Whether a span is within ``size``."""
        # A span may be as long as the document: one that is hopeless is not measured.
        if end - start > size * self._unit.most_characters:
            return False
        return self._by_characters or self.size(start, end) <= size

    def reach(self, start: int, end: int, size: int) -> int:
        """The last offset up to ``end`` such that the span from ``start`` is within ``size``."""
        high = min(end, start + max(0, size) * self._unit.most_characters)
        if self._by_characters or self.size(start, high) <= size:
            return high
        low = start
        while high - low > 1:
            middle = (low + high) // 2
            if self.size(start, middle) <= size:
                low = middle
            else:
                high = middle
        return low

    def stretch(self, start: int, size: int) -> int:
        """About how many characters from ``start`` on come to ``size``, going by the first."""
        if self._by_characters:
            return size
        sample = self._text[start : start + size]
        return size * len(sample) // self._unit.measure(sample) + 1
