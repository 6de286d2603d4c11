"""From the words of a page to its text: lines, in the order in which someone reads them.

The order in which a page is drawn is its author's, and mostly the reading order, also where no
rule could tell it (columns, boxes, cells of several lines). It is kept, but where a line is
drawn behind one that stands below it, and where two columns were drawn line by line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from waypoint.formats.pdf.pdf_words import DIVISION, Word
from waypoint.formats.text.scripts import Script, with_scripts

_SAME_LINE = 0.5
"""Of the larger height: baselines that are nearer are one line's."""
_SMALLER = 0.85
"""Of the height before it: what is at most so high and raised is an exponent."""
_RAISED = 0.12
_NEAR = 0.2
"""Of the height: an exponent stands no farther behind what it belongs to."""
_NEW_PARAGRAPH = 1.45
"""Times the usual distance of lines."""
_GUTTER = 0.7
"""Of a line's height: the least space between columns."""
_GUTTER_STEP = 4.0
_FEWEST_ROWS = 4
_FEWEST_CHARACTERS = 18
"""In a column's line, on average: a table's cells have fewer."""
_FULL = 0.8
"""Of a column's width: what prose fills in most of its lines, and cells don't."""
_SCATTERED = 0.25
"""Of the steps from a line to the next drawn: where more lead back, nothing is drawn in order."""
_MOST_ROWS = 1_500
"""Comparing each line with each takes time that grows with the square of their number."""

_HYPHENS = "\N{HYPHEN}\N{SOFT HYPHEN}-"
_ENDS_DIVIDED = re.compile(rf"(?<=\w)[{DIVISION}{_HYPHENS}]\Z")
_KEEPS_HYPHEN = re.compile(r"(?:^|[\s(])(?:\w|[Ww]ell|[Ss]elf|\S*\w-\w+)$")
"""What stands before a hyphen that is a compound's own: "e-mail", "well-known", "state-of-the-"."""


@dataclass(slots=True)
class Row:
    """Words of one baseline, in the order of the text."""

    words: list[Word]
    left: float
    right: float
    base: float
    height: float

    def add(self, word: Word) -> None:
        self.words.append(word)
        self.left = min(self.left, word.left)
        self.right = max(self.right, word.right)
        if word.height > self.height:
            self.base, self.height = word.base, word.height

    def is_level_with(self, other: Row | Word) -> bool:
        """Whether both stand on one line."""
        return abs(self.base - other.base) <= _SAME_LINE * max(self.height, other.height)

    def text(self) -> str:
        """Its words; what is raised or lowered as ``with_scripts`` has it."""
        parts = [self.words[0].text]
        for before, word in pairwise(self.words):
            script = _script(before, word)
            if script is None:
                parts += (" ", word.text)
            else:
                whole = with_scripts([("", before.text), (script, word.text)])
                parts.append(whole[len(before.text) :])
        return "".join(parts)


def page_text(drawn: Iterable[Word], typed: Iterable[Word] = ()) -> str:
    """The text of a page, with an empty line between what looks like paragraphs.

    ``typed``: what lies on the page and goes where its place is, as the value of a form's field
    goes behind its name. Text of another direction than most of the page's follows behind it.
    """
    rows: dict[int, list[Row]] = {}
    for direction, words in _by_direction(drawn).items():
        rows[direction] = _unwoven(_in_order(_rows(words)))
    for word in typed:
        _put(word, rows.setdefault(word.direction, []))
    turned = sorted(rows.values(), key=lambda each: sum(len(row.words) for row in each))
    return "\n\n".join(map(_joined, reversed(turned)))


def _by_direction(words: Iterable[Word]) -> dict[int, list[Word]]:
    groups: dict[int, list[Word]] = {}
    for word in words:
        groups.setdefault(word.direction, []).append(word)
    return groups


def _put(word: Word, rows: list[Row]) -> None:
    """At its place in the line that it stands in, else as a line above the first one below it."""
    level = [row for row in rows if row.is_level_with(word)]
    if level:
        row = min(level, key=lambda each: _distance(each, word))
        place = sum(each.left <= word.left for each in row.words)
        row.add(word)
        row.words.insert(place, row.words.pop())
        return
    new = _row_of(word)
    above = sum(row.base < word.base for row in rows)
    rows.insert(next((at for at, row in enumerate(rows) if _is_before(new, row)), above), new)


def _distance(row: Row, word: Word) -> float:
    return max(0.0, word.left - row.right, row.left - word.right)


def _rows(words: Iterable[Word]) -> list[Row]:
    """The words in the order they are drawn, those of a line that follow each other together."""
    rows: list[Row] = []
    for word in words:
        row = rows[-1] if rows else None
        if row and not row.words[-1].text.endswith(DIVISION) and _goes_on(row, word):
            row.add(word)
        else:
            rows.append(_row_of(word))
    return rows


def _row_of(word: Word) -> Row:
    return Row([word], word.left, word.right, word.base, word.height)


def _goes_on(row: Row, other: Row | Word) -> bool:
    """Whether it continues the row's line."""
    if not row.is_level_with(other):
        return False
    if other.left >= row.right - row.height / 2:
        return True
    return isinstance(other, Word) and _is_leftwards(other.text)


def _is_leftwards(text: str) -> bool:
    return not text.isascii() and any(
        unicodedata.bidirectional(character) in ("R", "AL") for character in text
    )


def _in_order(rows: list[Row]) -> list[Row]:
    """Each row before the first that must be read after it; then those of one line as one."""
    back = sum(_is_before(row, before) or row.base < before.base for before, row in pairwise(rows))
    if len(rows) > _MOST_ROWS or back > _SCATTERED * len(rows):
        rows = _by_place([_row_of(word) for row in rows for word in row.words])
    elif back:
        ordered: list[Row] = []
        for row in rows:
            later = (at for at, other in enumerate(ordered) if _is_before(row, other))
            ordered.insert(next(later, len(ordered)), row)
        rows = ordered
    merged: list[Row] = []
    for row in rows:
        last = merged[-1] if merged else None
        if last and last.words[-1].text[-1:] != DIVISION and _goes_on(last, row):
            for word in row.words:
                last.add(word)
        else:
            merged.append(row)
    return merged


def _by_place(rows: Iterable[Row]) -> list[Row]:
    """Line by line from the top, and from the left in each."""
    levels: list[list[Row]] = []
    for row in sorted(rows, key=lambda each: each.base):
        if levels and levels[-1][0].is_level_with(row):
            levels[-1].append(row)
        else:
            levels.append([row])
    return [row for level in levels for row in sorted(level, key=lambda each: each.left)]


def _is_before(row: Row, other: Row) -> bool:
    """Whether it is read before the other one, wherever it is drawn."""
    if row.is_level_with(other):
        return row.right <= other.left + other.height / 2 and not _is_leftwards(row.words[0].text)
    overlap = min(row.right, other.right) - max(row.left, other.left)
    return row.base < other.base and overlap > 0


def _unwoven(rows: list[Row]) -> list[Row]:
    """Two columns that were drawn line by line, one after the other."""
    gutter = _gutter(rows)
    if gutter is None:
        return rows
    ordered: list[Row] = []
    for crosses, group in groupby(rows, lambda row: _crosses(row, gutter)):
        if crosses:
            ordered += group
            continue
        halves = [_halves(row, gutter) for row in group]
        for side in (0, 1):
            ordered += _unwoven([half for row in halves if (half := row[side])])
    return ordered


def _gutter(rows: Sequence[Row]) -> float | None:
    """Where the space is that has prose on both sides of it in enough rows, if anywhere."""
    steps: dict[int, int] = {}
    for row in rows:
        for before, word in pairwise(row.words):
            if word.left - before.right >= _GUTTER * row.height:
                for step in range(
                    int(before.right / _GUTTER_STEP) + 1, int(word.left / _GUTTER_STEP) + 1
                ):
                    steps[step] = steps.get(step, 0) + 1
    if not steps:
        return None
    gutter = max(steps, key=lambda step: steps[step]) * _GUTTER_STEP
    pairs = [_halves(row, gutter) for row in rows if not _crosses(row, gutter)]
    both = [(one, other) for one, other in pairs if one and other]
    if len(both) < _FEWEST_ROWS:
        return None
    sides = ([one for one, _ in both], [other for _, other in both])
    return gutter if all(map(_is_prose, sides)) else None


def _is_prose(rows: Sequence[Row]) -> bool:
    width = max(row.right for row in rows) - min(row.left for row in rows)
    characters = sum(len(row.text()) for row in rows)
    full = sum(row.right - row.left >= _FULL * width for row in rows)
    return characters >= _FEWEST_CHARACTERS * len(rows) and full >= 0.6 * len(rows)


def _crosses(row: Row, x: float) -> bool:
    """Whether a word stands there, or a space that is no wider than between words."""
    least = _GUTTER * row.height
    return any(word.left < x < word.right for word in row.words) or any(
        before.right <= x <= word.left and word.left - before.right < least
        for before, word in pairwise(row.words)
    )


def _halves(row: Row, x: float) -> tuple[Row | None, Row | None]:
    return (
        _row([word for word in row.words if word.right <= x]),
        _row([word for word in row.words if word.right > x]),
    )


def _row(words: list[Word]) -> Row | None:
    if not words:
        return None
    row = _row_of(words[0])
    for word in words[1:]:
        row.add(word)
    return row


def _script(before: Word, word: Word) -> Script | None:
    """How a word stands to the one it is set against; None if there is a space between them."""
    if abs(word.left - before.right) > _NEAR * before.height:
        return None
    raised = before.base - word.base
    if word.height <= _SMALLER * before.height and abs(raised) >= _RAISED * before.height:
        return "^" if raised > 0 else "_"
    goes_on = before.height <= _SMALLER * word.height and raised
    return "" if goes_on and not word.text[:1].isalnum() else None


def _joined(rows: Sequence[Row]) -> str:
    """Rows as lines; what a hyphen divides is put together again."""
    steps = [later.base - row.base for row, later in pairwise(rows)]
    usual = median([step for step in steps if step > 0] or [0.0])
    text = ""
    for row, step in zip(rows, [0.0, *steps], strict=True):
        line = row.text()
        divided = _ENDS_DIVIDED.search(text, len(text) - 2)
        if not text:
            text = line
        elif divided and line[:1].isalnum():
            text = _undivided(text[: divided.start()], text[divided.start()], line)
        else:
            text += ("\n\n" if step > _NEW_PARAGRAPH * usual else "\n") + line
    return text.replace(DIVISION, "-")


def _undivided(text: str, hyphen: str, line: str) -> str:
    """A hyphen before a capital or a digit divides no word, and neither does a compound's own."""
    is_word = text[-1].islower() and line[0].islower() and not _KEEPS_HYPHEN.search(text[-40:])
    if hyphen == "\N{SOFT HYPHEN}" or is_word:
        return text + line
    return f"{text}-{line}"
