"""Tables as text (CSV, TSV): each row a paragraph of ``column: value`` lines."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice

from waypoint.errors import DocumentRejectedError
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text import TextBudget, lines_of, read_text

_DELIMITERS = ",;\t|"
_SAMPLE_CHARACTERS = 64 * 1024
_SAMPLE_ROWS = 50
MOST_COLUMNS = 100_000


class TableReader:
    """Reads CSV and TSV. The first row holds the columns' names, unless it looks like data.

    A value is found beside its column's name however wide the table is, and a text in paragraphs
    is cut between rows. Empty cells say nothing and are left out.
    """

    def read(self, source: str, data: bytes) -> ParsedDocument:
        decoded = read_text(source, data)
        text, delimiter = _announced_delimiter(decoded.text)
        warnings = list(decoded.warnings)
        if source.lower().endswith((".tsv", ".tab")):
            delimiter = "\t"
        delimiter = delimiter or _sniff(text)
        _refuse_too_wide(source, text, delimiter)
        try:
            paragraphs = _paragraphs(source, text, delimiter, quoted=True)
        except csv.Error as error:
            paragraphs = _as_characters(source, text, delimiter)
            warnings.append(f"{error}: quotation marks are read as characters")
        return ParsedDocument(paragraphs, warnings=tuple(warnings), encoding=decoded.encoding)


def _as_characters(source: str, text: str, delimiter: str) -> str:
    """Paragraphs of a table whose quotation marks don't come in pairs."""
    try:
        return _paragraphs(source, text, delimiter, quoted=False)
    except csv.Error as error:
        raise DocumentRejectedError(
            source,
            f"not a table: {error}",
            hint="if it is text without columns, give it the suffix .txt",
        ) from error


def _paragraphs(source: str, text: str, delimiter: str, *, quoted: bool) -> str:
    """Raises csv.Error, and DocumentRejectedError for too much text."""
    rows = _parse(text, delimiter, quoted=quoted)
    first = next(rows, [])
    columns: list[str] = []
    if _is_header(first):
        columns = [_tidy(cell) for cell in first]
        first = next(rows, first)
    budget = TextBudget(source, len(text))
    # Row by row: a row of one character, held as a list, would take a hundred.
    paragraphs = io.StringIO()
    for row in chain([first], rows):
        paragraph = "\n".join(budget.spend(_lines(row, columns)))
        if paragraph:
            paragraphs.write("\n\n" if paragraphs.tell() else "")
            paragraphs.write(paragraph)
    return paragraphs.getvalue()


def _lines(row: list[str], columns: list[str]) -> Iterator[str]:
    for index, cell in enumerate(row):
        value = _tidy(cell)
        if value:
            name = columns[index] if index < len(columns) else f"column {index + 1}"
            yield f"{name}: {value}"


def _tidy(cell: str) -> str:
    return " ".join(cell.split())


def _is_header(row: list[str]) -> bool:
    """Whether the cells can be names: each given, none twice, none a number."""
    names = [_tidy(cell) for cell in row]
    return all(names) and len(set(names)) == len(names) and not any(map(_is_number, names))


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _announced_delimiter(text: str) -> tuple[str, str]:
    """The text without Excel's first line ``sep=;``, and the delimiter that it tells."""
    first, _, rest = text.partition("\n")
    if len(first) == len("sep=;") and first.startswith("sep="):
        return rest, first[-1]
    return text, ""


def _sniff(text: str) -> str:
    """The delimiter by which most of the first rows have the same number of cells.

    csv.Sniffer guesses letters and takes quadratic time on hostile text.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    scores = {delimiter: _score(sample, delimiter) for delimiter in _DELIMITERS}
    return max(scores, key=lambda delimiter: scores[delimiter])


def _score(sample: str, delimiter: str) -> int:
    """How many of the first rows have the same number of cells, two or more."""
    best = 0
    for quoted in (True, False):
        widths: Counter[int] = Counter()
        try:
            for row in islice(_parse(sample, delimiter, quoted=quoted), _SAMPLE_ROWS):
                widths[len(row)] += 1
        except csv.Error:
            pass  # the sample may end within quotes: what came before counts
        best = max(best, *(count for width, count in widths.items() if width > 1), 0)
    return best


def _parse(text: str, delimiter: str, *, quoted: bool) -> Iterator[list[str]]:
    """Rows that aren't empty. Raises csv.Error, with the line."""
    # What strict reading refuses, a quote that is never closed, would swallow all that follows.
    reader = csv.reader(
        lines_of(text),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
        skipinitialspace=True,
    )
    try:
        for row in reader:
            if row:
                yield row
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num:,}: {error}") from error


def _refuse_too_wide(source: str, text: str, delimiter: str) -> None:
    if text.count(delimiter) < MOST_COLUMNS:
        return
    for number, line in enumerate(lines_of(text), 1):
        if line.count(delimiter) >= MOST_COLUMNS:
            raise DocumentRejectedError(
                source, f"line {number:,} has more than {MOST_COLUMNS:,} columns"
            )
