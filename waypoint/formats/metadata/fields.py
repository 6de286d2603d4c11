"""What a document says about itself, made fit for storing beside Waypoint's own fields."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

from waypoint.formats.text.normalised import is_unicode
from waypoint.models import MetadataValue

RESERVED_NAMES = frozenset(
    {
        "source",
        "doc_id",
        "category",
        "section_header",
        "subsection_header",
        "chunk_index",
        "chunk_count",
        "char_start",
        "char_end",
        "content_hash",
        "header_start",
        "header_end",
        "heading_path",
        "page",
        "sheet",
        "slide",
        "time",
        "format",
        "language",
    }
)
"""Waypoint's own: a document's field of such a name is stored as ``fm_<name>``."""

ALIASES = {"source_organization": "source_org"}
"""Names of documents' fields, and the shorter ones they are stored under."""
LANGUAGE_NAMES = ("language", "lang")
"""A document's field of such a name is stored as ``language``, if it is a text."""

CHROMAS = ("chroma:", "$", "#")
"""What names that Chroma 1.5.9 refuses begin with: a whole write, for one such name."""

MAX_CHARACTERS = 64 * 1024
"""Of a block that holds a document's fields."""
MAX_FIELDS = 64
MAX_NAME_CHARACTERS = 128
MAX_VALUE_CHARACTERS = 4096

_NAME = re.compile(r"\w[\w.:-]{0,39}")

_INT64 = range(-(2**63), 2**63)


class NotMappingError(Exception):
    """A block of fields is a list or a scalar."""


class RefusedError(Exception):
    """A block of fields as a whole cannot be read, or had better not be."""


class FieldCollector:
    """Takes fields as a parser gives them; keeps what can be stored and warns of the rest.

    ``tell_renamed``: warn of names that are Waypoint's own as well.
    """

    def __init__(self, *, tell_renamed: bool = False) -> None:
        self.title = ""
        self.metadata: dict[str, MetadataValue] = {}
        self.warnings: list[str] = []
        self._full = False
        self._given = 0
        self._tell_renamed = tell_renamed

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def add(self, name: object, value: object) -> None:
        """Keep a field: scalars as they are, dates in ISO 8601, lists and mappings as JSON.

        None, empty strings, lists and mappings, and numbers that are not finite say nothing and
        are dropped without a warning.
        """
        self._given += 1
        key = str(name).strip()
        which = shown_name(key) or f"number {self._given}"
        try:
            scalar = _to_scalar(value)
        except (TypeError, ValueError, RecursionError):
            self.warn(f"field {which} left out: it cannot be stored as JSON")
            return
        if scalar is None:
            return
        problem = _problem(key, scalar)
        if problem:
            self.warn(f"field {which} left out: {problem}")
        elif key == "title":
            self.title = " ".join(str(scalar).split())
        else:
            if isinstance(scalar, str):
                scalar = unicodedata.normalize("NFC", scalar)
            stored = _stored_name(key, scalar)
            if self._tell_renamed and stored == f"fm_{key}":
                self.warn(f"field {which} is stored as {stored!r}: the name is Waypoint's own")
            self._keep(stored, scalar, which)

    def take_title(self, values: Iterable[object]) -> None:
        """Let the first text that can be a title be the title; none leaves the document without."""
        texts = (" ".join(value.split()) for value in values if isinstance(value, str))
        self.title = next((text for text in texts if text and not _problem("title", text)), "")

    def _keep(self, key: str, scalar: MetadataValue, which: str) -> None:
        if key in self.metadata:
            self.warn(f"field {which} is given twice: the first counts")
        elif len(self.metadata) < MAX_FIELDS:
            self.metadata[key] = scalar
        elif not self._full:
            self._full = True
            self.warn(f"more than {MAX_FIELDS} fields: those from {which} on are left out")


def _stored_name(key: str, scalar: MetadataValue) -> str:
    if key in LANGUAGE_NAMES and isinstance(scalar, str):
        return "language"
    key = ALIASES.get(key, key)
    return f"fm_{key}" if key in RESERVED_NAMES or key.startswith(CHROMAS) else key


def _problem(key: str, scalar: MetadataValue) -> str:
    if not key:
        return "its name is empty"
    if len(key) > MAX_NAME_CHARACTERS:
        return f"its name is longer than {MAX_NAME_CHARACTERS} characters"
    if isinstance(scalar, str) and len(scalar) > MAX_VALUE_CHARACTERS:
        return f"its value is longer than {MAX_VALUE_CHARACTERS:,} characters"
    return "" if is_unicode(f"{key}{scalar}") else "it contains half a surrogate pair"


def _to_scalar(value: object) -> MetadataValue | None:
    match value:
        case bool():
            return value
        case int():
            return value if value in _INT64 else str(value)
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value.strip() or None
        case None | [] | ():
            return None
        case date() | datetime() | time():
            return _written(value)
        case list() | tuple() | dict():
            if not value:
                return None
            return json.dumps(
                value, ensure_ascii=False, separators=(",", ":"), default=_json_default
            )
        case _:
            raise TypeError(type(value).__name__)


def _json_default(value: Any) -> str:
    if isinstance(value, date | datetime | time):
        return _written(value)
    raise TypeError(type(value).__name__)


def _written(value: date | datetime | time) -> str:
    return value.isoformat().replace("+00:00", "Z")


def shown_name(name: str) -> str:
    """A field's name as a warning may tell it; empty for what may be a text in place of a name."""
    return repr(name) if _NAME.fullmatch(name) else ""
