"""YAML front matter: found, bounded and read safely. Whatever is wrong with it is a warning."""

from __future__ import annotations

import re
from dataclasses import dataclass

from waypoint.formats.metadata import FieldCollector
from waypoint.models import Metadata

_OPENING = re.compile(r"---[ \t]*\n")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)
_FIRST_KEY = re.compile(r"(?:[ \t]*+(?:#[^\n]*+)?\n)*+[^\s\-#:][^\n:]*:(?:\s|\Z)")


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
    opening = _OPENING.match(text)
    if opening is None:
        return FrontMatter(text, "", {}, ())
    closing = _CLOSING.search(text, opening.end())
    # Possessive: what there is to go back to would take a hundred times the text's memory.
    looks_like_mapping = _FIRST_KEY.match(text, opening.end()) is not None
    if closing is None:
        warnings = ("front matter is never closed by '---': read as text",)
        return FrontMatter(text, "", {}, warnings if looks_like_mapping else ())
    block = text[opening.end() : closing.start()]
    body = text[closing.end() :].lstrip("\n")
    # Few documents have any, and PyYAML takes 25 ms to import.
    from waypoint.formats.yaml_block import NotMappingError, RefusedError, mapping_items

    fields = FieldCollector()
    try:
        for name, value in mapping_items(block, fields):
            fields.add(name, value)
    except NotMappingError:
        return FrontMatter(text, "", {}, ("front matter is not a mapping: read as text",))
    except RefusedError as refusal:
        if not looks_like_mapping:
            body = text
        fields.warn(f"front matter not read: {refusal}")
    return FrontMatter(body, fields.title, fields.metadata, tuple(fields.warnings))
