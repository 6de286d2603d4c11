"""Front matter in YAML or TOML: found, bounded and read safely. What is wrong is a warning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module

from waypoint.formats.metadata.fields import FieldCollector, NotMappingError, RefusedError
from waypoint.models import Metadata


@dataclass(frozen=True, slots=True)
class _Syntax:
    """A language of front matter, and the lines that it stands between."""

    module: str
    """Has ``mapping_items``. Imported late: few documents have any, and PyYAML takes 25 ms."""
    fence: str
    opening: re.Pattern[str]
    closing: re.Pattern[str]
    first_key: re.Pattern[str]
    """Possessive: what there is to go back to would take a hundred times the text's memory."""


_NOTHING = r"(?:[ \t]*+(?:#[^\n]*+)?\n)*+"
_SYNTAXES = (
    _Syntax(
        "waypoint.formats.metadata.yaml_block",
        "---",
        re.compile(r"---[ \t]*\n"),
        re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE),
        re.compile(_NOTHING + r"[^\s\-#:][^\n:]*:(?:\s|\Z)"),
    ),
    _Syntax(
        "waypoint.formats.metadata.toml_block",
        "+++",
        re.compile(r"\+\+\+[ \t]*\n"),
        re.compile(r"^\+\+\+[ \t]*(?:\n|\Z)", re.MULTILINE),
        re.compile(_NOTHING + r"(?:\[+[^\n]*\]|[^\s#=][^\n=]*=)"),
    ),
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
    mapping that is malformed, too large or hostile is left out of the body all the same, and
    gives no fields.
    """
    for syntax in _SYNTAXES:
        if opening := syntax.opening.match(text):
            return _split(text, opening.end(), syntax)
    return FrontMatter(text, "", {}, ())


def _split(text: str, start: int, syntax: _Syntax) -> FrontMatter:
    closing = syntax.closing.search(text, start)
    looks_like_mapping = syntax.first_key.match(text, start) is not None
    if closing is None:
        warnings = (f"front matter is never closed by {syntax.fence!r}: read as text",)
        return FrontMatter(text, "", {}, warnings if looks_like_mapping else ())
    block = text[start : closing.start()]
    body = text[closing.end() :].lstrip("\n")
    fields = FieldCollector()
    try:
        for name, value in import_module(syntax.module).mapping_items(block, fields):
            fields.add(name, value)
    except NotMappingError:
        return FrontMatter(text, "", {}, ("front matter is not a mapping: read as text",))
    except RefusedError as refusal:
        if not looks_like_mapping:
            body = text
        fields.warn(f"front matter not read: {refusal}")
    return FrontMatter(body, fields.title, fields.metadata, tuple(fields.warnings))
