"""What a run needs of a source of documents: to list what there is, and to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from waypoint.errors import DocumentRejectedError, RecordRejectedError
from waypoint.models import Discovery, Document, SourceFile
from waypoint.settings import Settings

FileContent: TypeAlias = Sequence[Document | RecordRejectedError] | DocumentRejectedError
"""The documents that a file is, with why single records are none, or why it cannot be read."""


@dataclass(frozen=True, slots=True)
class Root:
    """One of a run's roots: a folder, or what stands for one."""

    name: str
    """Among the collection's roots; empty for the first."""
    settings: Settings
    """How it is listed and read; where it is, is ``knowledge_base_path``."""
    only: frozenset[str] | None = None
    """Top folders to list where it is a few; else None."""
    files: frozenset[str] | None = None
    """Of its files, those that the run is of; None for all. Then nothing of it is removed."""


class DocumentReader(Protocol):
    """Reads files, off the event loop."""

    async def read(self, files: Sequence[SourceFile]) -> Sequence[FileContent]:
        """What each of the files is now, in their order, with the fields of its sidecars.

        Raises CannotContinueError if there is nothing that could read any.
        """
        ...


class Source(Protocol):
    """Where documents come from: one root, or several that are one (``open_source``).

    All names that it lists begin with ``root_prefix`` of its root's name.
    """

    @property
    def readers(self) -> int:
        """How many files may be read side by side."""
        ...

    @property
    def scopes(self) -> Sequence[str]:
        """For each root, what the sources of this run's documents begin with."""
        ...

    def check_readers(self) -> None:
        """Raises UsageError if what the settings ask of its readers cannot be had."""
        ...

    def discover(self) -> Iterator[Discovery]:
        """List everything, each name once; called and advanced off the event loop.

        Files come with their sidecars (``waypoint.sources.sidecars``), which are none themselves.

        What could not be listed is told as an ``UnreadableFolder``: what lies there is unknown,
        not gone. A listing that ends without an exception is otherwise complete, and what it
        does not name has vanished.

        Raises UsageError, before the first entry, if there is no such root.
        """
        ...

    def takes_long(self, file: SourceFile) -> bool:
        """Whether reading a file takes so long that others should not wait with it."""
        ...

    def readers_of(self, source: str) -> Sequence[str]:
        """What ``Document.reader`` can be now, of a file's documents; empty for none."""
        ...

    def may_read_more(self, source: str, warnings: Sequence[str]) -> bool:
        """Whether an unchanged document, with these warnings, would say more if read now."""
        ...

    def open(self) -> AbstractAsyncContextManager[DocumentReader]:
        """A reader for one worker; what it holds ends with the context."""
        ...

    def is_edited(self, file: SourceFile, before: str) -> bool:
        """Whether a file that is listed now seems to have other bytes than in a version that was
        read before; False if that version is empty, and says nothing."""
        ...

    def digest(self, file: SourceFile) -> str:
        """SHA-256 of a file's bytes now, hexadecimal; off the event loop.

        Raises DocumentRejectedError if it cannot be read.
        """
        ...

    def sidecar_digest(self, file: SourceFile) -> str:
        """As ``Document.sidecar_digest``, of what its sidecars say now; off the event loop."""
        ...


class SourceKind(Protocol):
    """A kind of source."""

    def identity(self, settings: Settings) -> tuple[str, str]:
        """What tells the root of the settings from every other; and what it is called outside of
        this container, if that is known. It is kept with the collection: given as a path, the
        first has to name the root again."""
        ...

    def open(self, root: Root, category: str | None, *, ocr_counts: bool) -> Source:
        """The root, or of it that top folder. ``ocr_counts``: pages for OCR are only counted."""
        ...
