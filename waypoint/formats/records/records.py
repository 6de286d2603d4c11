"""What is in a record: its name, its text, its fields as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

from waypoint.formats.records.json_values import RecordError, WrittenNumber

NAME_FIELDS = ("id", "_id", "key")
"""Fields that usually tell records apart."""

_HOLDERS = ("rendered", "text", "value", "content", "html", "plain")
"""Fields of an object that is a text, with something about it."""
_KINDS = ("type", "kind", "format", "lang", "language", "mime", "mimeType", "contentType")
_LINKS = ("href", "url", "link")
_MOST_WORD = 24
"""Characters a word, on average; encoded data has none that are shorter."""
_MOST_NAME_CHARACTERS = 200
_MOST_NESTED = 100


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
    """A text, paragraphs, or a text in pieces; empty for anything else.

    Paragraphs are a list of texts; pieces a list of texts and of objects that hold one, as rich
    text is exported (``["Look at ", {"type": "link", "text": "x"}]``); what holds a text alone
    (``{"rendered": "…"}``) is that.
    """
    if isinstance(value, dict):
        held = next((name for name in _HOLDERS if is_text(value.get(name))), "")
        return value[held] if held and _says_no_more(value, held) else ""
    if isinstance(value, list) and value:
        pieces = [each if isinstance(each, str) else _piece(each) for each in value]
        if not all(isinstance(each, str) for each in pieces):
            return ""
        mixed = {type(each) for each in value} == {str, dict}
        value = ("" if mixed else "\n\n").join(each for each in pieces if each is not None)
    return value if is_text(value) else ""


def _piece(value: Any) -> str | None:
    """The text of an object in a rich text, with where it leads; None if it has none."""
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return None
    if not _says_no_more(value, "text", *_LINKS):
        return None
    text: str = value["text"]
    link = next((value[name] for name in _LINKS if is_text(value.get(name))), "")
    return f"{text} ({link})" if link and link != text else text


def _says_no_more(value: dict[str, Any], *names: str) -> bool:
    """Whether an object has no words beside those of the fields ``names`` and of its kind."""
    return not any(
        isinstance(inner, list | dict) or is_text(inner)
        for name, inner in value.items()
        if name not in names and name not in _KINDS
    )


def is_prose(text: str) -> bool:
    """Whether it has words, and is no encoded data."""
    return not text.isascii() or len(text) <= _MOST_WORD * len(text.split())


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
        if any(isinstance(each, dict) for each in value) and (text := as_text(value)):
            yield f"{path}: {text}" if path else text
            return
        leaves = [_shown(each) for each in value if isinstance(each, _LEAVES)]
        if leaves:
            yield f"{path}: {', '.join(leaves)}" if path else "\n".join(leaves)
        for number, inner in enumerate(value):
            if isinstance(inner, dict | list):
                if number and isinstance(inner, dict):
                    yield ""
                yield from text_lines(path, inner, depth=depth + 1)
    elif value is not None and str(value).strip():
        yield f"{path}: {_shown(value)}" if path else _shown(value)


_LEAVES = (str, int, float, WrittenNumber)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
