"""Sidecars: fields that somebody gives a document from outside of it, in YAML or JSON."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from waypoint.errors import DocumentRejectedError
from waypoint.formats.metadata.fields import (
    MAX_CHARACTERS,
    MAX_FIELDS,
    FieldCollector,
    NotMappingError,
    RefusedError,
)
from waypoint.formats.records.json_values import RecordError, load_json, with_plain_numbers
from waypoint.formats.registry import Format, ParsedDocument
from waypoint.formats.text.normalised import read_text
from waypoint.models import Metadata, MetadataValue

MAX_BYTES = 4 * MAX_CHARACTERS
_TITLE = "title"
_SECOND_FENCE = re.compile(r"\n---[ \t]*\n*\Z")


@dataclass(frozen=True, slots=True)
class SidecarFields:
    """What all sidecars of a file say. A title is a field like any other."""

    beside: Metadata = field(default_factory=dict)
    """Those of the file alone."""
    above: Metadata = field(default_factory=dict)
    """Those of its folders, the nearest first."""
    warnings: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 of the fields, hexadecimal; empty if there are none."""
        if not self.beside and not self.above:
            return ""
        said = orjson.dumps([self.beside, self.above], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(said).hexdigest()

    def merged_with(
        self, parsed: ParsedDocument, made_by: Format
    ) -> tuple[str, Metadata, tuple[str, ...]]:
        """Title and metadata of a document, key by key from whoever is nearest; and warnings."""
        if not self.beside and not self.above:
            return parsed.title, parsed.metadata or {}, self.warnings
        own: Metadata = {
            **({_TITLE: parsed.title} if parsed.title else {}),
            **(parsed.metadata or {}),
        }
        layers = (own, self.beside) if made_by.authored else (self.beside, own)
        merged: dict[str, MetadataValue] = {}
        for layer in (*layers, self.above):
            merged = {**merged, **{key: layer[key] for key in layer if key not in merged}}
        title, warnings = str(merged.pop(_TITLE, "")), self.warnings
        if len(merged) > MAX_FIELDS:
            left_out = len(merged) - MAX_FIELDS
            merged = dict(list(merged.items())[:MAX_FIELDS])
            warnings += (f"more than {MAX_FIELDS} fields: the {left_out:,} farthest are left out",)
        return title, merged, warnings


NO_FIELDS = SidecarFields()


def read_fields(name: str, data: bytes) -> tuple[Metadata, tuple[str, ...]]:
    """The fields of the sidecar ``name``; warnings of what is wrong with it, which name it."""
    fields = FieldCollector(tell_renamed=True)
    try:
        decoded = read_text(name, data)
        fields.warnings += decoded.warnings
        items = _json_items if name.lower().endswith(".json") else _yaml_items
        for key, value in items(decoded.text, fields):
            fields.add(key, value)
    except NotMappingError:
        fields.warn("not read: it is no mapping of names to values")
    except RefusedError as refusal:
        fields.warn(f"not read: {refusal}")
    except DocumentRejectedError as error:
        fields.warn(f"not read: {error.reason}")
    except RecursionError:
        fields.warn("not read: nested too deeply")
    given: Metadata = {_TITLE: fields.title, **fields.metadata} if fields.title else fields.metadata
    return given, tuple(f"{name}: {warning}" for warning in fields.warnings)


def _yaml_items(text: str, fields: FieldCollector) -> Iterator[tuple[object, object]]:
    # Late: PyYAML takes 25 ms.
    from waypoint.formats.metadata.yaml_block import mapping_items

    # As front matter, which many a sidecar was copied from.
    return mapping_items(_SECOND_FENCE.sub("\n", text), fields, what="field", first_line=1)


def _json_items(text: str, fields: FieldCollector) -> Iterator[tuple[object, object]]:
    if not text.strip():
        return
    if len(text) > MAX_CHARACTERS:
        raise RefusedError(f"it has {len(text):,} characters, at most {MAX_CHARACTERS:,}")
    doubled: list[None] = []
    try:
        value = load_json(text, lambda: doubled.append(None))
    except RecordError as error:
        raise RefusedError(f"malformed JSON: {error}") from error
    if not isinstance(value, dict):
        raise NotMappingError
    if doubled:
        fields.warn("a name is given twice, the last counts")
    yield from with_plain_numbers(value).items()
