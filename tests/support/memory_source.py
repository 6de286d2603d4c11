"""A source in memory: names and bytes, without a folder."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from waypoint.errors import DocumentRejectedError
from waypoint.formats.read_file import documents_of
from waypoint.formats.registry import default_registry
from waypoint.models import (
    Discovery,
    SkippedFile,
    SourceFile,
    UnreadableFolder,
    below_root,
    root_prefix,
)
from waypoint.settings import Settings
from waypoint.sources.port import DocumentReader, FileContent, Root
from waypoint.sources.snapshot import Snapshot


@dataclass(slots=True)
class MemorySource:
    """A ``Source`` and its ``DocumentReader``."""

    files: dict[str, bytes] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    """Folders that cannot be listed."""
    reads: list[str] = field(default_factory=list)
    readers: int = 2
    prefix: str = ""
    """Of its root's name, before all names that it lists."""
    _changes: dict[str, int] = field(default_factory=dict)

    def put(self, name: str, data: bytes) -> None:
        """Write a file, or write it anew."""
        self.files[name] = data
        self._changes[name] = self._changes.get(name, 0) + 1

    @property
    def scopes(self) -> Sequence[str]:
        return (self.prefix,)

    def check_readers(self) -> None:
        """They are there."""

    def discover(self) -> Iterator[Discovery]:
        registry = default_registry()
        for folder in sorted(self.hidden):
            yield UnreadableFolder(self.prefix + folder, "not shown")
        for name in sorted(self.files):
            if name.partition("/")[0] in self.hidden:
                continue
            if registry.supports(name):
                yield self._file(name)
            else:
                yield SkippedFile(self.prefix + name, "no reader")

    def takes_long(self, file: SourceFile) -> bool:
        return False

    def readers_of(self, source: str) -> Sequence[str]:
        return default_registry().readers_of(source)

    def may_read_more(self, source: str, warnings: Sequence[str]) -> bool:
        return False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[DocumentReader]:
        yield self

    async def read(self, files: Sequence[SourceFile]) -> list[FileContent]:
        return [self._read(below_root(file.source)) for file in files]

    def is_edited(self, file: SourceFile, before: str) -> bool:
        return bool(before) and file.version != before

    def digest(self, file: SourceFile) -> str:
        return hashlib.sha256(self.files[below_root(file.source)]).hexdigest()

    def sidecar_digest(self, file: SourceFile) -> str:
        """There are no sidecars."""
        return ""

    def _read(self, name: str) -> FileContent:
        self.reads.append(name)
        if name not in self.files:
            return DocumentRejectedError(self.prefix + name, "vanished")
        snapshot = Snapshot(self._file(name), self.files[name])
        try:
            return documents_of(snapshot, default_registry())
        except DocumentRejectedError as error:
            return error

    def _file(self, name: str) -> SourceFile:
        version = f"change {self._changes[name]}"
        return SourceFile(self.prefix + name, Path(), len(self.files[name]), version)


SHARED: dict[str, MemorySource] = {}
"""Those that ``MemoryKind`` opens, by what a root's path says: ``memory://harbour``."""


class MemoryKind:
    """A ``SourceKind``."""

    def identity(self, settings: Settings) -> tuple[str, str]:
        return str(settings.knowledge_base_path), ""

    def open(self, root: Root, category: str | None, *, ocr_counts: bool) -> MemorySource:
        source = SHARED[root.settings.knowledge_base_path.name]
        source.prefix = root_prefix(root.name)
        return source
