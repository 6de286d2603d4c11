"""How a table of text is laid out, told by many of its rows: delimiter, first lines, names."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice

from waypoint.formats.text.normalised import lines_of

_DELIMITERS = ";\t|,"
"""Of two that fit equally well, the one that is rarer in prose and numbers counts."""
SAMPLE_CHARACTERS = 256 * 1024
SAMPLE_ROWS = 200
_SAMPLE_CELLS = 200_000
_MOST = 0.8
"""Share of a column's cells that say what kind of values it has."""
_FEW = 0.05
_COLUMNS_LOOKED_AT = 200

_NUMBER = re.compile(r"[-+(]?[$€£¥]?\s?\d[\d.,' \u00a0\u202f]*(?:[eE][-+]?\d+)?\s?[%‰$€£¥)]?")
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}(?:\1\d{1,4})?(?:[ T]\d{1,2}:.*)?|\d{1,2}:\d{2}(?::.*)?")
_YEAR = re.compile(r"(?:1[5-9]|2[01])\d\d")
_IN_NUMBER = re.compile(r"\d[;\t|,]\d")

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a line is divided into cells."""

    delimiter: str
    quoted: bool = True
    """Whether quotation marks hold a cell together, rather than being characters of it."""
    escaped: bool = False
    r"""Whether a quotation mark within a cell is written ``\"``, rather than doubled."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the first rows are."""

    before: int
    """Rows above the table: its title, comments."""
    names: tuple[str, ...] = ()
    """Of the columns, from the row behind those; empty if that row is one of values."""
    has_names: bool = False


def parse(text: str, dialect: Dialect) -> Iterator[list[str]]:
    """Rows that aren't empty. Raises csv.Error, with the line."""
    # What strict reading refuses, a quote that is never closed, would swallow all that follows.
    reader = csv.reader(
        lines_of(text),
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
        doublequote=not dialect.escaped,
        escapechar="\\" if dialect.escaped else None,
        strict=True,
        skipinitialspace=True,
    )
    try:
        for row in reader:
            if row:
                yield row
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num:,}: {error}") from error


def first_rows(rows: Iterator[list[str]]) -> list[list[str]]:
    """Enough to judge the others by."""
    first: list[list[str]] = []
    cells = 0
    for row in islice(rows, SAMPLE_ROWS):
        first.append(row)
        cells += len(row)
        if cells > _SAMPLE_CELLS:
            break
    return first


def sample_of(text: str) -> str:
    """The first lines, whole."""
    if len(text) <= SAMPLE_CHARACTERS:
        return text
    return text[: text.rfind("\n", 0, SAMPLE_CHARACTERS) + 1] or text[:SAMPLE_CHARACTERS]


def find_delimiter(sample: str) -> str:
    """The delimiter by which most of the first rows have the same number of cells.

    Where two do so equally well, one that is followed by a space, or stands within a number, is
    less likely. csv.Sniffer guesses letters and takes quadratic time on hostile text.
    """
    regular = {each: _regular(sample, each) for each in _DELIMITERS}
    likely = [each for each in _DELIMITERS if regular[each] == max(regular.values())]
    if not any(regular.values()):
        return ","
    return min(likely, key=lambda each: _as_text(sample, each))


def _regular(sample: str, delimiter: str) -> int:
    """How many of the first rows have the same number of cells, two or more."""
    best = 0
    for quoted in (True, False):
        widths: Counter[int] = Counter()
        try:
            for row in islice(parse(sample, Dialect(delimiter, quoted)), SAMPLE_ROWS):
                if not row[0].startswith("#"):
                    widths[len(row)] += 1
        except csv.Error:
            pass  # the sample may end within quotes: what came before counts
        best = max(best, *(count for width, count in widths.items() if width > 1), 0)
    return best


def _as_text(sample: str, delimiter: str) -> float:
    """The share of its places where it is more likely part of a text or a number."""
    places = sample.count(delimiter)
    inside = sum(match[0][1] == delimiter for match in _IN_NUMBER.finditer(sample))
    return (sample.count(f"{delimiter} ") + inside) / places if places else 1.0


def find_layout(rows: Sequence[Row]) -> Layout:
    """What the first of a table's ``rows`` are; all of them, or enough to judge by."""
    is_comment = _comments(rows)
    widths = Counter(len(row) for row in rows if not is_comment(row))
    width = max(widths, key=lambda each: (each > 1, widths[each], -each), default=1)
    first = next((at for at, row in enumerate(rows) if len(row) >= width), 0)
    at = _behind_comments(rows, first, is_comment)
    if 0 < at == first and not _looks_like_names(rows[at], rows[at + 1 :]):
        shifted = _named_but_the_first(rows, at - 1, width)
        if shifted is not None:
            return shifted
    return _named(rows, at)


def _named(rows: Sequence[Row], at: int) -> Layout:
    if at >= len(rows) or not _looks_like_names(rows[at], rows[at + 1 :]):
        return Layout(at)
    names = [tidy(cell) for cell in rows[at]]
    if names[0].startswith("#"):
        names[0] = names[0].lstrip("# ") or names[0]
    return Layout(at, tuple(_told_apart(names)), has_names=True)


def _named_but_the_first(rows: Sequence[Row], at: int, width: int) -> Layout | None:
    """As R writes it: names of all columns but the one of the rows' own names."""
    names, below = rows[at], rows[at + 1 :]
    if len(names) != width - 1 or len(below) < 2 or not all(len(row) == width for row in below):
        return None
    own = [row[0] for row in below]
    if len(set(own)) < len(own) or not any(row[-1].strip() for row in below):
        return None
    shifted = ["", *names]
    if not _looks_like_names(shifted, below):
        return None
    return Layout(at, tuple(_told_apart([tidy(name) for name in shifted])), has_names=True)


def _comments(rows: Sequence[Row]) -> Callable[[Row], bool]:
    """What tells a comment: a ``#`` before it, unless most rows begin so."""
    behind = [*dropwhile(_begins_so, rows)]
    many = 2 * sum(map(_begins_so, behind)) >= len(behind)
    return lambda row: not many and _begins_so(row)


def _begins_so(row: Row) -> bool:
    return row[0].startswith("#")


def _behind_comments(rows: Sequence[Row], first: int, is_comment: Callable[[Row], bool]) -> int:
    """The first row from ``first`` on that is no comment; a last one may be the row of names."""
    at = next((at for at in range(first, len(rows)) if not is_comment(rows[at])), first)
    same = at > first and len(rows[at - 1]) == len(rows[at])
    return at - 1 if same and not _looks_like_names(rows[at], rows[at + 1 :]) else at


def _looks_like_names(row: Row, below: Sequence[Row]) -> bool:
    """Whether the cells can be names of columns: by what the columns have below them, if told."""
    names = [tidy(cell) for cell in row]
    given = [name for name in names if name]
    if not given:
        return False
    score = _score(row, below)
    if score:
        return score > 0
    doubled = len(given) - len(set(given))
    empty = len(names) - len(given)
    numbers = any(_kind(name) == "number" for name in given)
    return not numbers and not doubled and (not empty or (empty == 1 and not all(names[:1])))


def _score(row: Row, below: Sequence[Row]) -> float:
    """Above 0 where the columns say that the row has their names, below 0 where it has values."""
    score = 0.0
    for at, cell in enumerate(row[:_COLUMNS_LOOKED_AT]):
        name = tidy(cell)
        values = [tidy(other[at]) for other in below if at < len(other) and tidy(other[at])]
        if not name or not values:
            continue
        kinds = Counter(map(_kind, values))
        kind, count = kinds.most_common(1)[0]
        if count < _MOST * len(values):
            kind = "text"
        own = _kind(name)
        if own == "text":
            repeated = values.count(name) >= _FEW * len(values)
            score += 1 if kind != "text" else -1 if repeated and name in values else 0
        elif own == kind:
            score += 1 if _is_other_year(name, values) else -1
        elif own == "date" and kind == "number":
            score += 1
        elif kind != "text" or not _YEAR.fullmatch(name):
            score -= 1
    return score


def _is_other_year(name: str, values: Sequence[str]) -> bool:
    """Whether a number is the year that a column is of, and its values are none."""
    if not _YEAR.fullmatch(name):
        return False
    return sum(_YEAR.fullmatch(value) is not None for value in values) < _MOST * len(values)


def _kind(cell: str) -> str:
    if not cell[:1].isdigit() and cell[:1] not in "-+($€£¥":
        return "text"
    if _NUMBER.fullmatch(cell):
        return "number"
    return "date" if _DATE.fullmatch(cell) else "text"


def _told_apart(names: Sequence[str]) -> Iterator[str]:
    """The names; of those given twice, the later ones with their count."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield f"{name} ({seen[name]})" if name and seen[name] > 1 else name


def tidy(cell: str) -> str:
    return " ".join(cell.split())
