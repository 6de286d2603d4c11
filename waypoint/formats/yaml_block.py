"""A block of YAML, read as plain data within bounds that keep it harmless."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from waypoint.formats.metadata import FieldCollector, shown_name

MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 32
"""PyYAML's C composer recurses without a limit: 30,000 brackets end the process."""
MAX_ALIASES = 8
"""So many cannot multiply what they stand for by more than 18."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALAR_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("timestamp", "int", "float", "bool", "value")
)


class NotMappingError(Exception):
    """The block is YAML, but a list or a scalar."""


class RefusedError(Exception):
    """The block as a whole cannot be read, or had better not be."""


def mapping_items(block: str, fields: FieldCollector) -> Iterator[tuple[object, object]]:
    """The top-level keys and values that can be constructed; warnings for the others.

    Raises:
        NotMappingError: it is YAML, but no mapping.
        RefusedError: it is malformed, has more than ``MAX_CHARACTERS``, or is hostile.
    """
    if len(block) > MAX_CHARACTERS:
        raise RefusedError(f"it has {len(block):,} characters, at most {MAX_CHARACTERS:,}")
    try:
        _refuse_bombs(block)
        root = yaml.compose(block, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise RefusedError(f"malformed YAML{_line_of(error)}") from error
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise NotMappingError
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
                shown = shown_name(name) or f"at line {_line(key_node.start_mark)}"
                fields.warn(f"front matter field {shown} left out: not plain YAML data")


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
            raise RefusedError(f"nested deeper than {MAX_DEPTH} levels")
        if aliases > MAX_ALIASES:
            raise RefusedError(f"more than {MAX_ALIASES} YAML aliases")


def _line_of(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" at line {_line(mark)}" if mark is not None else ""


def _line(mark: Any) -> int:
    # One for counting from zero, one for the opening line.
    return int(mark.line) + 2
