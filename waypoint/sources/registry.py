"""Which reader reads which file: by suffix, each reader imported when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from waypoint.models import Block, Heading, Metadata


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a reader makes of a file's bytes."""

    text: str
    """Normalised by ``waypoint.sources.text.normalise_text``, without front matter."""
    headings: tuple[Heading, ...] = ()
    """In the order of the text; only those that are not inside a list, quote or code."""
    title: str = ""
    """Empty if the document does not say; then its first H1 or its name serves."""
    metadata: Metadata | None = None
    warnings: tuple[str, ...] = ()
    pages: tuple[int, ...] = ()
    """Offsets at which pages begin; empty for a format without pages."""
    blocks: tuple[Block, ...] = ()
    """Tables and code, in the order of the text."""


class Reader(Protocol):
    """Reads one format. Holds no state of a document, so threads may share it."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        """Parse the bytes of the file named ``source``.

        Raises DocumentRejectedError if they cannot be read as this format.
        """
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A format, the suffixes it is told by, and where its reader is."""

    name: str
    """Stored as a chunk's ``format``."""
    suffixes: tuple[str, ...]
    """Lower case, with the dot."""
    reader: str
    """``module:class``, made without arguments; imported late."""


FORMATS = (
    Format("markdown", (".md", ".markdown"), "waypoint.sources.markdown:MarkdownReader"),
    Format("text", (".txt", ".text", ".rst"), "waypoint.sources.plaintext:PlainTextReader"),
)


class ReaderRegistry:
    """Maps a file's name to its format and its reader."""

    def __init__(self, formats: Iterable[Format]) -> None:
        self._formats = {suffix: each for each in formats for suffix in each.suffixes}
        self._readers: dict[str, Reader] = {}

    def supports(self, name: str) -> bool:
        """Whether there is a reader for a file of this name or path."""
        return _suffix(name) in self._formats

    def format_of(self, name: str) -> Format:
        """The format of a file of this name or path. Raises KeyError if it is not supported."""
        return self._formats[_suffix(name)]

    def reader_of(self, name: str) -> Reader:
        """The reader for a file of this name or path. Raises KeyError if there is none."""
        location = self.format_of(name).reader
        reader = self._readers.get(location)
        if reader is None:
            module, _, attribute = location.partition(":")
            reader = cast("Reader", getattr(import_module(module), attribute)())
            self._readers[location] = reader
        return reader


def default_registry() -> ReaderRegistry:
    """A registry of all formats that Waypoint brings."""
    return ReaderRegistry(FORMATS)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - called for every file of the walk
