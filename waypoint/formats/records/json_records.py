"""JSON and JSON Lines: a document for each record of a list, or one for the whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from waypoint.errors import DocumentRejectedError
from waypoint.formats.losses import Losses
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.records.json_values import RecordError, load_json, with_plain_numbers
from waypoint.formats.records.records import (
    Record,
    as_text,
    field_at,
    is_prose,
    record_names,
    text_lines,
)
from waypoint.formats.registry import Parsed, ParsedDocument, ReaderOptions, RejectedRecord
from waypoint.formats.text.decoding import DecodedText, decode
from waypoint.formats.text.normalised import TextBudget, any_line_ends, lines_of, normalise_text

TEXT_FIELDS = ("text", "content", "body", "page_content", "document", "description")
"""Fields that usually hold a record's text, the first that is there counts."""
TITLE_FIELDS = ("title", "name")
MOST_RECORDS = 250_000
"""Of a file: all are held at once, at 1 to 1.5 KB each beside their text."""
MOST_VALUES = 2_000_000
"""Of a file: two characters of JSON may be a Python object of 64 bytes."""

_TEXT_ENDINGS = ("text", "content", "body", "description")
"""Of other fields' names: bodyText, page_content."""
_ARTICLE_CHARACTERS = 400
"""A text of so many, longer than the usual field's, is no mere detail of its record."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
_DOUBLED = "names given twice in one object, of which the last counts"
_NOT_JSON = "correct it, or give it the suffix .txt"


class JsonReader:
    """Reads a list's items as records, and anything else as one document.

    A file whose first line alone is an object is JSON Lines, whatever its suffix.
    """

    unit = "record"

    def __init__(self, options: ReaderOptions) -> None:
        self._text_field = options.json_text_field

    def read(self, source: str, data: bytes) -> Parsed:
        decoded = decode(source, data)
        text = decoded.text.removeprefix("\ufeff")
        empty = ParsedDocument("", warnings=decoded.warnings, encoding=decoded.encoding)
        if not text.strip():
            return empty
        _refuse_too_many_values(source, text)
        losses = Losses()
        try:
            value = load_json(text, lambda: losses.add(_DOUBLED))
        except RecordError as error:
            if _first_line_is_object(text):
                return JsonLinesReader(ReaderOptions(self._text_field)).read(source, data)
            raise DocumentRejectedError(source, f"not JSON: {error}", hint=_NOT_JSON) from error
        if value in ([], {}, "", None):
            return empty
        decoded = replace(decoded, warnings=(*decoded.warnings, *losses.warnings()))
        value = _records_within(value)
        if isinstance(value, list):
            records = [Record(number, item) for number, item in enumerate(value, 1)]
            return self._documents(source, decoded, records)
        try:
            document = self._document(source, value, TextBudget(source, len(text)))
        except RecordError as error:
            raise DocumentRejectedError(source, str(error), hint=self._hint()) from error
        except RecursionError as error:
            raise DocumentRejectedError(source, "nested too deeply", hint=_NOT_JSON) from error
        warnings = (*decoded.warnings, *document.warnings)
        return replace(document, warnings=warnings, encoding=decoded.encoding)

    def _documents(
        self, source: str, decoded: DecodedText, records: Sequence[Record]
    ) -> Sequence[ParsedDocument | RejectedRecord]:
        """A document or a reject for each record; the first document has the file's warnings.

        Raises DocumentRejectedError if no record can be a document.
        """
        if len(records) > MOST_RECORDS:
            raise _too_many(source, f"{self.unit}s", MOST_RECORDS)
        budget = TextBudget(source, len(decoded.text))
        parts = [
            self._part(source, record, name, decoded.encoding, budget)
            for record, name in zip(records, record_names(records), strict=True)
        ]
        for index, part in enumerate(parts):
            if isinstance(part, ParsedDocument):
                parts[index] = replace(part, warnings=(*decoded.warnings, *part.warnings))
                return parts
        reason = next(part.reason for part in parts if isinstance(part, RejectedRecord))
        place = f"{self.unit} {records[0].number:,}"
        raise DocumentRejectedError(
            source, f"no record can be read; {place}: {reason}", hint=self._hint()
        )

    def _part(
        self, source: str, record: Record, name: str, encoding: str, budget: TextBudget
    ) -> ParsedDocument | RejectedRecord:
        correct = f"correct the {self.unit}, or remove it"
        if isinstance(record.value, RecordError):
            reason = f"not JSON: {record.value}"
            return RejectedRecord(name, reason, hint=correct, identified=False)
        try:
            document = self._document(source, record.value, budget)
            digest = self._digest(record.value)
        except RecursionError:
            return RejectedRecord(name, "nested too deeply", hint=correct)
        except RecordError as error:
            return RejectedRecord(name, str(error), hint=self._hint())
        except DocumentRejectedError as error:
            return RejectedRecord(name, error.reason, hint=error.hint or correct)
        return replace(document, record=name, digest=digest, encoding=encoding)

    def _document(self, source: str, value: Any, budget: TextBudget) -> ParsedDocument:
        """Raises RecordError, or DocumentRejectedError for a text that no document may have."""
        fields = FieldCollector()
        if isinstance(value, dict):
            text = self._text_and_fields(value, fields, budget)
        elif self._text_field is not None:
            raise RecordError(f"it has no field {self._text_field!r}")
        elif isinstance(value, str):
            text = value
        else:
            text = "\n".join(budget.spend(text_lines("", value)))
        text = normalise_text(text, source=source)
        if not text.strip():
            raise RecordError("it has no text")
        return ParsedDocument(
            text, title=fields.title, metadata=fields.metadata, warnings=tuple(fields.warnings)
        )

    def _text_and_fields(
        self, record: dict[str, Any], fields: FieldCollector, budget: TextBudget
    ) -> str:
        names, text = self._text_of(record)
        used = {*names, *(name.partition(".")[0] for name in names)}
        for key, value in record.items():
            if key not in used and (names or not isinstance(value, str | dict | list)):
                fields.add(key, with_plain_numbers(value))
        fields.take_title(record.get(key) for key in TITLE_FIELDS)
        return text or "\n".join(budget.spend(text_lines("", record, strings_only=True)))

    def _text_of(self, record: dict[str, Any]) -> tuple[tuple[str, ...], str]:
        """The fields that hold the text, and the text; both empty if all fields are.

        Beside a usual field, those whose texts are longer: it may be a mere teaser.
        """
        if self._text_field is not None:
            text = as_text(field_at(record, self._text_field))
            if not text:
                raise RecordError(f"it has no text in a field {self._text_field!r}")
            return (self._text_field,), text
        usual = next((name for name in _usual_first(record) if as_text(record[name])), "")
        if not usual:
            return (), ""
        least = max(_ARTICLE_CHARACTERS, len(as_text(record[usual])))
        names = [
            name
            for name, value in record.items()
            if name == usual or (len(text := as_text(value)) > least and is_prose(text))
        ]
        return tuple(names), "\n\n".join(as_text(record[name]) for name in names)

    def _digest(self, value: Any) -> str:
        canonical = json.dumps(
            [self._text_field, value],
            sort_keys=True,
            separators=(",", ":"),
            default=lambda number: {"written": str(number)},
        )
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _hint(self) -> str:
        return "name the field that holds the text with --json-text-field (JSON_TEXT_FIELD)"


class JsonLinesReader(JsonReader):
    """Reads each line that isn't empty as a record. A damaged line costs itself alone."""

    unit = "line"

    def read(self, source: str, data: bytes) -> Parsed:
        decoded = decode(source, data)
        text = decoded.text.removeprefix("\ufeff")
        _refuse_too_many_values(source, text)
        records: list[Record] = []
        damaged = 0
        losses = Losses()
        for number, line in enumerate(lines_of(any_line_ends(text)), 1):
            if not line.strip():
                continue
            if len(records) == MOST_RECORDS:
                raise _too_many(source, "lines", MOST_RECORDS)
            try:
                value = load_json(
                    line.removesuffix("\n"), partial(losses.add, _DOUBLED, "line", number)
                )
            except RecordError as error:
                damaged += 1
                value = RecordError(str(error))  # without its traceback, which holds the line
            records.append(Record(number, value))
        if not records:
            return ParsedDocument("", warnings=decoded.warnings, encoding=decoded.encoding)
        if damaged == len(records):
            first = records[0]
            raise DocumentRejectedError(
                source,
                f"no line is JSON; line {first.number:,}: not JSON: {first.value}",
                hint=_NOT_JSON,
            )
        decoded = replace(decoded, warnings=(*decoded.warnings, *losses.warnings()))
        return self._documents(source, decoded, records)


def _usual_first(record: dict[str, Any]) -> list[str]:
    """Names of fields that usually hold a text, the likeliest first."""
    others = [
        name
        for name in record
        if name not in TEXT_FIELDS and name.lower().replace("_", "").endswith(_TEXT_ENDINGS)
    ]
    return [name for name in TEXT_FIELDS if name in record] + others


def _records_within(value: Any) -> Any:
    """The records of a list in an object, as exports have it, each with the object's other fields.

    ``{"exported": "…", "pages": [{"id": 1, "text": "…"}, …]}``: one list of objects, each of
    which has a text of its own, and no text beside it. Anything else stays as it is.
    """
    if not isinstance(value, dict):
        return value
    lists = [name for name, inner in value.items() if isinstance(inner, list)]
    if len(lists) != 1 or _has_text(value):
        return value
    items = value[lists[0]]
    if not items or not all(isinstance(item, dict) and _has_text(item) for item in items):
        return value
    around = {name: inner for name, inner in value.items() if name != lists[0]}
    return [{**around, **item} for item in items]


def _has_text(record: dict[str, Any]) -> bool:
    return any(as_text(record[name]) for name in _usual_first(record))


def _refuse_too_many_values(source: str, text: str) -> None:
    """Raises DocumentRejectedError, before any of them takes memory."""
    # Most texts have fewer of these in all, those within strings included.
    if _separators(text) > MOST_VALUES and _separators(_STRING.sub("", text)) > MOST_VALUES:
        raise _too_many(source, "values", MOST_VALUES)


def _separators(text: str) -> int:
    return sum(map(text.count, ",[{"))


def _too_many(source: str, what: str, most: int) -> DocumentRejectedError:
    return DocumentRejectedError(
        source,
        f"more than {most:,} {what}",
        hint="split the file; if it is data that nobody will ask for in words, leave it out",
    )


def _first_line_is_object(text: str) -> bool:
    first = next((line for line in lines_of(any_line_ends(text)) if line.strip()), "")
    try:
        return isinstance(load_json(first), dict)
    except RecordError:
        return False
