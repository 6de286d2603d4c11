"""What is in a record: its name, its text, its fields as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

NAME_FIELDS = ("id", "_id", "key")
"""Fields that usually tell records apart."""

_MOST_NAME_CHARACTERS = 200
_MOST_NESTED = 100


class RecordError(Exception):
    """One record cannot be a document; the message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    number: int
    """From 1: the place in the list, or the line."""
    value: Any
    """A RecordError if it cannot be parsed."""


def record_names(records: Iterable[Record]) -> Iterator[str]:
    """A name for each record: what it says of itself if that is its own, else its number."""
    given = [(record.number, _given_name(record.value)) for record in records]
    counts = Counter(name for _, name in given)
    for number, name in given:
        if name and counts[name] == 1:
            yield name
        else:
            # A name never begins with "#", so that none is another record's number.
            yield f"#{number}" if counts[str(number)] else str(number)


def _given_name(record: Any) -> str:
    if not isinstance(record, dict):
        return ""
    for field in NAME_FIELDS:
        value = record.get(field)
        if isinstance(value, str | int) and not isinstance(value, bool):
            name = str(value)
            usable = name.isprintable() and 0 < len(name) <= _MOST_NAME_CHARACTERS
            if usable and name == name.strip(" #"):
                return name
    return ""


def field_at(record: dict[str, Any], path: str) -> Any:
    """The field of that name, or of a path of names joined by dots."""
    if path in record:
        return record[path]
    value: Any = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def as_text(value: Any) -> str:
    """A text, or a list of paragraphs; empty for anything else."""
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        value = "\n\n".join(value)
    return value if is_text(value) else ""


def is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def text_lines(
    path: str, value: Any, *, strings_only: bool = False, depth: int = 0
) -> Iterator[str]:
    """``path.to.field: value`` for each leaf; at the top only strings if ``strings_only``."""
    if depth > _MOST_NESTED:
        raise RecordError(f"it is nested deeper than {_MOST_NESTED} levels")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not strings_only or isinstance(inner, str | dict | list):
                yield from text_lines(f"{path}.{key}" if path else key, inner, depth=depth + 1)
    elif isinstance(value, list):
        leaves = [str(each) for each in value if isinstance(each, str | int | float)]
        if leaves:
            yield f"{path}: {', '.join(leaves)}" if path else "\n".join(leaves)
        for inner in value:
            if isinstance(inner, dict | list):
                yield from text_lines(path, inner, depth=depth + 1)
    elif value is not None and str(value).strip():
        yield f"{path}: {value}" if path else str(value)
