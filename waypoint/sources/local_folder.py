"""A local folder as a source: walked and read as its settings say."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from anyio import to_thread

from waypoint.errors import DocumentRejectedError
from waypoint.formats.parsing.worker import ParseWorker
from waypoint.formats.parsing.worker_messages import WorkerSetup
from waypoint.formats.read_file import read_documents
from waypoint.formats.registry import ReaderOptions
from waypoint.formats.sidecars import MAX_BYTES, NO_FIELDS, SidecarFields
from waypoint.models import (
    Discovery,
    Sidecar,
    SourceFile,
    below_root,
    root_prefix,
)
from waypoint.settings import Settings
from waypoint.sources.discover import discover
from waypoint.sources.ignoring import Rules
from waypoint.sources.names import printable_name
from waypoint.sources.port import FileContent, Root
from waypoint.sources.sidecars import SidecarReader
from waypoint.sources.snapshot import is_edited, take_snapshot

MOST_READERS = 16
"""Each may have a process, of 30 MB before it parses; two feed the highest quota."""


class Local:
    """A ``SourceKind``: folders of this machine."""

    def identity(self, settings: Settings) -> tuple[str, str]:
        """By the real path."""
        root = printable_name(os.path.realpath(settings.knowledge_base_path))
        host_root = settings.knowledge_base_dir if settings.in_container else None
        return root, os.path.normpath(host_root) if host_root else ""

    def open(self, root: Root, category: str | None, *, ocr_counts: bool) -> LocalFolder:
        return LocalFolder(root, category, ocr_counts=ocr_counts)


class LocalFolder:
    """A ``Source``: a folder, walked; its readers have a process each, where one is needed."""

    def __init__(
        self, root: Root, category: str | None = None, *, ocr_counts: bool = False
    ) -> None:
        settings = root.settings
        self.readers = min(_cores(), MOST_READERS)
        self._root = root
        self._category = category
        options = ReaderOptions(
            settings.json_text_field,
            str(settings.ocr),
            settings.ocr_languages,
            settings.ocr_timeout,
            ocr_counts,
            str(settings.attachments),
        )
        self._setup = WorkerSetup(
            settings.max_file_size, settings.parse_timeout, settings.parse_memory, options
        )
        self._registry = self._setup.registry()
        self._own = (settings.log_dir, settings.chroma_persist_path)
        self._rules = Rules(settings.include, settings.exclude)
        self._sidecars = SidecarReader(self._read_sidecar)

    @property
    def scopes(self) -> list[str]:
        """As ``Source``; none for single files, beside which nothing is removed."""
        if self._root.files is not None:
            return []
        return [root_prefix(self._root.name) + (f"{self._category}/" if self._category else "")]

    def check_readers(self) -> None:
        """As ``Source``: OCR may be asked for, and not be there."""
        if self._setup.options.ocr != "off":
            from waypoint.formats.images.ocr import require_engine

            require_engine(self._setup.options)

    def discover(self) -> Iterator[Discovery]:
        walk = discover(
            self._root.settings.knowledge_base_path,
            registry=self._registry,
            category=self._category,
            only=self._root.only,
            max_file_size=self._setup.max_file_size,
            rules=self._rules,
            own=self._own,
            files=self._root.files,
        )
        prefix = root_prefix(self._root.name)
        return (_below(prefix, entry) for entry in walk) if prefix else walk

    def takes_long(self, file: SourceFile) -> bool:
        """Whether a file is read in a process of its own."""
        name = file.source
        return self._registry.supports(name) and self._registry.format_of(name).untrusted

    def readers_of(self, source: str) -> Sequence[str]:
        """As ``Source``."""
        return self._registry.readers_of(source)

    def may_read_more(self, source: str, warnings: Sequence[str]) -> bool:
        """As ``Source``."""
        return self._registry.may_read_more(source, warnings)

    def is_edited(self, file: SourceFile, before: str) -> bool:
        """As ``Source``; by size and time of modification."""
        return is_edited(file.version, before)

    def digest(self, file: SourceFile) -> str:
        """As ``Source``."""
        snapshot = take_snapshot(file, max_file_size=self._setup.max_file_size)
        return hashlib.sha256(snapshot.data).hexdigest()

    def sidecar_digest(self, file: SourceFile) -> str:
        """As ``Source``."""
        return self._sidecars.fields_of(file)[1].digest()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FileReader]:
        """A reader; its process, if it comes to have one, ends with the context."""
        worker = ParseWorker(self._setup)
        try:
            yield FileReader(self, worker)
        finally:
            await worker.close()

    def read_here(self, file: SourceFile) -> FileContent:
        """Read a plain format in this very thread."""
        file, given = self.fields_of(file)
        try:
            return read_documents(
                file, registry=self._registry, max_file_size=self._setup.max_file_size, given=given
            )
        except DocumentRejectedError as error:
            return error

    def fields_of(self, file: SourceFile) -> tuple[SourceFile, SidecarFields]:
        """What the sidecars of a file say; and the file, with the versions that say it."""
        return self._sidecars.fields_of(file)

    def _read_sidecar(self, sidecar: Sidecar) -> tuple[Sidecar, bytes]:
        path = self._root.settings.knowledge_base_path / below_root(sidecar.source)
        file = SourceFile(sidecar.source, path, 0, sidecar.version)
        snapshot = take_snapshot(file, max_file_size=MAX_BYTES)
        return replace(sidecar, version=snapshot.file.version), snapshot.data


class FileReader:
    """Reads plain formats in a thread and all others in its process."""

    def __init__(self, folder: LocalFolder, worker: ParseWorker) -> None:
        self._folder = folder
        self._worker = worker

    async def read(self, files: Sequence[SourceFile]) -> list[FileContent]:
        """As ``DocumentReader.read``."""
        folder = self._folder
        plain = [file for file in files if not folder.takes_long(file)]
        contents: dict[str, FileContent] = {}
        if plain:
            read = await to_thread.run_sync(lambda: [folder.read_here(file) for file in plain])
            contents = {file.source: each for file, each in zip(plain, read, strict=True)}
        for file in files:
            if folder.takes_long(file):
                contents[file.source] = await self._parse(file)
        return [contents[file.source] for file in files]

    async def _parse(self, file: SourceFile) -> FileContent:
        given = NO_FIELDS
        if file.sidecars:
            file, given = await to_thread.run_sync(self._folder.fields_of, file)
        try:
            return await self._worker.parse(file, given)
        except DocumentRejectedError as error:
            return error


def _below(prefix: str, entry: Discovery) -> Discovery:
    """An entry of a further root."""
    if isinstance(entry, SourceFile) and entry.sidecars:
        sidecars = [replace(each, source=prefix + each.source) for each in entry.sidecars]
        entry = replace(entry, sidecars=tuple(sidecars))
    return replace(entry, source=prefix + entry.source)


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
