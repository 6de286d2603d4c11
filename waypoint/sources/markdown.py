"""Markdown (CommonMark) with YAML front matter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# pulldown-cmark, bound: events with byte ranges at 0.04 s per MB, where markdown-it-py needs
# 0.5 s for the blocks alone, more than all other steps of reading and chunking together.
import pyromark

from waypoint.models import Heading
from waypoint.sources.front_matter import split_front_matter
from waypoint.sources.registry import ParsedDocument
from waypoint.sources.text import decode_text

_CONTAINERS = frozenset({"List", "BlockQuote"})


class MarkdownReader:
    """Reads Markdown; the text keeps its markup."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        front_matter = split_front_matter(decode_text(source, data))
        return ParsedDocument(
            text=front_matter.body,
            headings=tuple(find_headings(front_matter.body)),
            title=front_matter.title,
            metadata=front_matter.metadata,
            warnings=front_matter.warnings,
        )


def find_headings(text: str) -> Iterator[Heading]:
    """The ATX and Setext headings of ``text``, in order, as CommonMark defines them.

    Those inside lists and block quotes are left out: they do not divide the document.
    """
    encoded = text.encode()
    container_end = 0
    characters = counted_bytes = 0
    level = start = 0
    title: list[str] = []
    for event, span in pyromark.events_with_range(text):
        kind, value = _kind(event)
        if kind == "Start":
            name, detail = _kind(value)
            if name in _CONTAINERS:
                container_end = max(container_end, span["end"])
            elif name == "Heading" and span["start"] >= container_end:
                level, start = int(detail["level"][1:]), span["start"]
                title = []
        elif not level:
            continue
        elif kind in ("Text", "Code"):
            title.append(value)
        elif kind in ("SoftBreak", "HardBreak"):
            title.append(" ")
        elif kind == "End" and _kind(value)[0] == "Heading":
            characters += len(encoded[counted_bytes:start].decode())
            counted_bytes = start
            line_start = text.rfind("\n", 0, characters) + 1
            yield Heading(level, " ".join("".join(title).split()), line_start)
            level = 0


def _kind(event: Any) -> tuple[str, Any]:
    """An event's name and value; pyromark gives a string, or a dict of one entry."""
    if isinstance(event, str):
        return event, None
    ((name, value),) = event.items()
    return name, value
