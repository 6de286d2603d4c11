"""YAML front matter: found, bounded and read safely. Whatever is wrong with it is a warning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from waypoint.models import Metadata
from waypoint.sources.metadata import FieldCollector

MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 32
"""PyYAML's C composer recurses without a limit: 30,000 brackets end the process."""
MAX_ALIASES = 8
"""So many cannot multiply what they stand for by more than 18."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPENING = re.compile(r"---[ \t]*\n")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)
_FIRST_KEY = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[^\s\-#:][^\n:]*:(?:\s|\Z)")
_SCALAR_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("timestamp", "int", "float", "bool", "value")
)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """A text in two parts, and what was odd about the first."""

    body: str
    title: str
    metadata: Metadata
    warnings: tuple[str, ...]


def split_front_matter(text: str) -> FrontMatter:
    """Split normalised ``text`` into the fields of its front matter and its body.

    A block that is not a mapping stays in the body: it is text between two thematic breaks. A
    mapping that is malformed, larger than ``MAX_CHARACTERS`` or hostile is left out of the body
    all the same, and gives no fields.
    """
    opening = _OPENING.match(text)
    if opening is None:
        return FrontMatter(text, "", {}, ())
    closing = _CLOSING.search(text, opening.end())
    looks_like_mapping = _FIRST_KEY.match(text, opening.end()) is not None
    if closing is None:
        warnings = ("front matter is never closed by '---': read as text",)
        return FrontMatter(text, "", {}, warnings if looks_like_mapping else ())
    block = text[opening.end() : closing.start()]
    body = text[closing.end() :].lstrip("\n")
    fields = FieldCollector()
    try:
        for name, value in _mapping_items(block, fields):
            fields.add(name, value)
    except _NotMappingError:
        return FrontMatter(text, "", {}, ("front matter is not a mapping: read as text",))
    except _RefusedError as refusal:
        if not looks_like_mapping:
            body = text
        fields.warn(f"front matter not read: {refusal}")
    return FrontMatter(body, fields.title, fields.metadata, tuple(fields.warnings))


class _NotMappingError(Exception):
    """The block is YAML, but a list or a scalar."""


class _RefusedError(Exception):
    """The block as a whole cannot be read, or had better not be."""


def _mapping_items(block: str, fields: FieldCollector) -> Iterator[tuple[object, object]]:
    """The top-level keys and values that can be constructed; warnings for the others.

    Raises _NotMappingError or _RefusedError.
    """
    if len(block) > MAX_CHARACTERS:
        raise _RefusedError(f"it has {len(block):,} characters, at most {MAX_CHARACTERS:,}")
    try:
        _refuse_bombs(block)
        root = yaml.compose(block, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise _RefusedError(f"malformed YAML{_line_of(error)}") from error
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise _NotMappingError
    constructor = yaml.constructor.SafeConstructor()
    for key_node, value_node in root.value:
        name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        try:
            yield name, constructor.construct_document(value_node)
        except Exception:  # constructors raise KeyError, AttributeError and more on odd values
            constructor = yaml.constructor.SafeConstructor()
            if value_node.tag in _SCALAR_TAGS and isinstance(value_node, yaml.ScalarNode):
                yield name, str(value_node.value)
            else:
                fields.warn(f"front matter field {name!r} left out: not plain YAML data")


def _refuse_bombs(block: str) -> None:
    depth = aliases = 0
    for event in yaml.parse(block, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if depth > MAX_DEPTH:
            raise _RefusedError(f"nested deeper than {MAX_DEPTH} levels")
        if aliases > MAX_ALIASES:
            raise _RefusedError(f"more than {MAX_ALIASES} YAML aliases")


def _line_of(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    # One for counting from zero, one for the opening line.
    return f" at line {mark.line + 2}" if mark is not None else ""
