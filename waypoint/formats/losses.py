"""What a reader could not keep of a file, as warnings: what was lost, then where."""

from __future__ import annotations

from collections.abc import Iterable

MOST_WARNINGS = 50
"""Of one document; the others are counted."""
_MOST_PLACES = 10


class Losses:
    """Collects losses while a file is read: one warning for each kind, with all its places."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], list[int]] = {}

    def add(self, what: str, unit: str = "", number: int = 0) -> None:
        """Note a loss: ``add("images without text", "page", 2)``.

        ``what`` is in our own words and never quotes the document. ``unit`` and ``number`` (from
        1) say where; without them, losses are only counted.
        """
        self._places.setdefault((what, unit), []).append(number)

    def places(self, what: str) -> set[int]:
        """Where a kind of loss was noted."""
        return {at for (kind, _), places in self._places.items() if kind == what for at in places}

    def warnings(self) -> tuple[str, ...]:
        """One for each kind of loss, in the order in which they were met."""
        return tuple(_told(*kind, numbers) for kind, numbers in self._places.items())


def _told(what: str, unit: str, numbers: list[int]) -> str:
    if not unit:
        return f"{what}: {len(numbers):,}"
    places = sorted(set(numbers))
    return f"{what}: {unit}{'s' if len(places) > 1 else ''} {ranges(places)}"


def ranges(numbers: Iterable[int]) -> str:
    """``2 to 4, 7`` for 2, 3, 4, 7, which are in order; the first ten, if there are more."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    shown = [
        f"{first:,}" if first == last else f"{first:,} to {last:,}"
        for first, last in runs[:_MOST_PLACES]
    ]
    rest = sum(last - first + 1 for first, last in runs[_MOST_PLACES:])
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")


def bounded(warnings: Iterable[str]) -> tuple[str, ...]:
    """The first of the warnings, each once, and how many there were beyond them."""
    told = tuple(dict.fromkeys(warnings))
    rest = len(told) - MOST_WARNINGS
    return (*told[:MOST_WARNINGS], f"{rest:,} more warnings") if rest > 0 else told
