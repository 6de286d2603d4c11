"""A block of YAML, read as plain data within bounds that keep it harmless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import yaml

from waypoint.formats.metadata.fields import (
    MAX_CHARACTERS,
    FieldCollector,
    NotMappingError,
    RefusedError,
    shown_name,
)

MAX_DEPTH = 32
"""PyYAML's C composer recurses without a limit: 30,000 brackets end the process."""
MAX_ALIASES = 8
"""So many cannot multiply what they stand for by more than 18."""

_FAST_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_AS_WRITTEN = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"-?[1-9][0-9]*|0",
    "float": r"-?(?:[1-9][0-9]{0,14}|0)\.(?:[0-9]{0,14}[1-9]|0)|[-+]?\.(?:inf|nan)",
    "merge": "<<",
}
"""What is no text. YAML 1.1 has 007 be seven, 1.10 be 1.1, 12:30 be 750, and no be false; here a
number is what is written as JSON would write it, and the rest stays what somebody wrote."""


_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset(f"{_TAG}{name}" for name in ("timestamp", "int", "float", "bool"))


class _Loader(_FAST_LOADER):  # type: ignore[misc]
    yaml_implicit_resolvers: ClassVar = {
        None: [(_TAG + name, re.compile(rf"(?:{what})\Z")) for name, what in _AS_WRITTEN.items()]
    }


def mapping_items(
    block: str, fields: FieldCollector, *, what: str = "front matter field", first_line: int = 2
) -> Iterator[tuple[object, object]]:
    """The top-level keys and values that can be constructed; warnings for the others.

    ``what`` warnings are about; ``first_line``: the block's, in its file.

    Raises:
        NotMappingError: it is YAML, but no mapping.
        RefusedError: it is malformed, has more than ``MAX_CHARACTERS``, or is hostile.
    """
    if len(block) > MAX_CHARACTERS:
        raise RefusedError(f"it has {len(block):,} characters, at most {MAX_CHARACTERS:,}")
    try:
        _refuse_bombs(block)
        root = yaml.compose(block, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + first_line}" if mark is not None else ""
        raise RefusedError(f"malformed YAML{place}") from error
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise NotMappingError
    constructor = yaml.constructor.SafeConstructor()
    for key_node, value_node in root.value:
        name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        told = shown_name(name) or f"at line {key_node.start_mark.line + first_line}"
        try:
            value = constructor.construct_document(value_node)
            if _has_doubled_names(value_node):
                fields.warn(f"{what} {told}: a name within it is given twice, the last counts")
            yield name, value
        except Exception:  # constructors raise KeyError, AttributeError and more on odd values
            constructor = yaml.constructor.SafeConstructor()
            if value_node.tag in _SCALAR_TAGS and isinstance(value_node, yaml.ScalarNode):
                yield name, str(value_node.value)
            else:
                fields.warn(f"{what} {told} left out: not plain YAML data")


def _has_doubled_names(node: Any) -> bool:
    """Whether a mapping within has two scalar keys of one name. Depth and aliases are bounded."""
    if isinstance(node, yaml.SequenceNode):
        return any(map(_has_doubled_names, node.value))
    if not isinstance(node, yaml.MappingNode):
        return False
    names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    doubled = len(set(names) - {"<<"}) < len([name for name in names if name != "<<"])
    return doubled or any(_has_doubled_names(value) for _, value in node.value)


def _refuse_bombs(block: str) -> None:
    depth = aliases = 0
    for event in yaml.parse(block, Loader=_Loader):
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
