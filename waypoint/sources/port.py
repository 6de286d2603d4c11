"""What a run needs of a source of documents: to list what there is, and to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from waypoint.errors import DocumentRejectedError, RecordRejectedError
from waypoint.models import Discovery, Document, SourceFile

FileContent: TypeAlias = Sequence[Document | RecordRejectedError] | DocumentRejectedError
"""The documents that a file is, with why single records are none, or why it cannot be read."""


class DocumentReader(Protocol):
    """Reads files, off the event loop."""

    async def read(self, files: Sequence[SourceFile]) -> Sequence[FileContent]:
        """What each of the files is now, in their order, with the fields of its sidecars.

        Raises CannotContinueError if there is nothing that could read any.
        """
        ...


class Source(Protocol):
    """Where a run's documents come from: one or several roots."""

    @property
    def readers(self) -> int:
        """How many files may be read side by side."""
        ...

    @property
    def scopes(self) -> Sequence[str]:
        """For each root, what the sources of this run's documents begin with."""
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
