"""Local folders as a source: walked and read as their settings say."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, groupby

from anyio import to_thread
from anyio.from_thread import start_blocking_portal

from waypoint.errors import DocumentRejectedError
from waypoint.formats.read_file import read_documents
from waypoint.formats.registry import READ_BY_OCR, ReaderOptions
from waypoint.formats.sidecars import MAX_BYTES, NO_FIELDS
from waypoint.formats.worker import ParseWorker
from waypoint.formats.worker_messages import WorkerSetup
from waypoint.models import (
    RACY_NS,
    UNSETTLED,
    Discovery,
    FileReject,
    Sidecar,
    SourceFile,
    below_root,
    root_of,
    root_prefix,
)
from waypoint.observe.events import Surveyed
from waypoint.settings import Settings
from waypoint.sources.discover import discover
from waypoint.sources.ignoring import Rules
from waypoint.sources.port import DocumentReader, FileContent
from waypoint.sources.sidecars import SidecarReader
from waypoint.sources.snapshot import take_snapshot

MOST_READERS = 16
"""Each may have a process, of 30 MB before it parses; two feed the highest quota."""


@dataclass(frozen=True, slots=True)
class Root:
    """One folder of a run."""

    name: str
    """Among the collection's roots; empty for the first."""
    settings: Settings
    """How it is walked and read, and where it lies."""
    only: frozenset[str] | None = None
    """Top folders to walk where it is a few; else None."""
    files: frozenset[str] | None = None
    """Of its files, those that the run is of; None for all. Then nothing of it is removed."""


class LocalFolders:
    """A ``Source``: the folders of a run, one after the other."""

    def __init__(
        self, roots: Sequence[Root], category: str | None = None, *, ocr_counts: bool = False
    ) -> None:
        self.category = category
        self.settings = roots[0].settings
        """Of the first root."""
        self.readers = min(_cores(), MOST_READERS)
        self._scoped = [root.name for root in roots if root.files is None]
        self._folders = {root.name: _Folder(root, category, ocr_counts) for root in roots}

    @property
    def scopes(self) -> list[str]:
        """As ``Source``."""
        below = f"{self.category}/" if self.category else ""
        return [root_prefix(name) + below for name in self._scoped]

    def discover(self) -> Iterator[Discovery]:
        """Walk the folders. Raises UsageError at once if one, or the category, does not exist."""
        return chain.from_iterable([folder.discover() for folder in self._folders.values()])

    def takes_long(self, file: SourceFile) -> bool:
        """Whether a file is read in a process of its own."""
        return self._folder_of(file).is_untrusted(file)

    def readers_of(self, source: str) -> Sequence[str]:
        """As ``Source``."""
        return self._folders[root_of(source)].registry.readers_of(source)

    def may_read_more(self, source: str, warnings: Sequence[str]) -> bool:
        """As ``Source``."""
        return self._folders[root_of(source)].registry.may_take_ocr(source) and any(
            each.startswith(READ_BY_OCR) for each in warnings
        )

    def require_ocr(self) -> None:
        """Raises UsageError if text recognition is asked for, and can't be had."""
        for options in {folder.options for folder in self._folders.values()}:
            if options.ocr != "off":
                from waypoint.formats.ocr import require_engine

                require_engine(options)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[DocumentReader]:
        """A reader; its processes, if it comes to have some, end with the context."""
        async with AsyncExitStack() as stack:
            readers = {
                name: await stack.enter_async_context(folder.open())
                for name, folder in self._folders.items()
            }
            yield _RootsReader(readers)

    @contextmanager
    def reading(self) -> Iterator[Callable[[SourceFile], FileContent]]:
        """The same for who has no event loop: a function that reads one file."""
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(self.open()) as reader,
        ):

            def read(file: SourceFile) -> FileContent:
                folder = self._folder_of(file)
                if folder.is_untrusted(file):
                    return portal.call(reader.read, [file])[0]
                return folder.read_here(file)

            yield read

    def survey(self) -> Surveyed:
        """Count files and bytes."""
        files = size = 0
        for entry in self.discover():
            if isinstance(entry, SourceFile):
                files += 1
                size += entry.size
            elif isinstance(entry, FileReject):
                files += 1
        return Surveyed(files, size)

    def sidecar_digest(self, file: SourceFile) -> str:
        """As ``Document.sidecar_digest``, of what the sidecars of a file say now."""
        return self._folder_of(file).sidecars.fields_of(file)[1].digest()

    def _folder_of(self, file: SourceFile) -> _Folder:
        return self._folders[root_of(file.source)]


class _Folder:
    """Walks one folder; opens readers, each for one worker of the pipeline."""

    def __init__(self, root: Root, category: str | None, ocr_counts: bool) -> None:
        settings = root.settings
        self._root = root
        self._category = category
        self.options = ReaderOptions(
            settings.json_text_field,
            str(settings.ocr),
            settings.ocr_languages,
            settings.ocr_timeout,
            ocr_counts,
        )
        self._setup = WorkerSetup(
            settings.max_file_size,
            settings.parse_timeout,
            settings.parse_memory,
            self.options,
        )
        self.registry = self._setup.registry()
        self._own = (settings.log_dir, settings.chroma_persist_path)
        self._rules = Rules(settings.include, settings.exclude)
        self.sidecars = SidecarReader(self._read_sidecar)

    def discover(self) -> Iterator[Discovery]:
        walk = discover(
            self._root.settings.knowledge_base_path,
            registry=self.registry,
            category=self._category,
            only=self._root.only,
            max_file_size=self._setup.max_file_size,
            rules=self._rules,
            own=self._own,
            files=self._root.files,
        )
        prefix = root_prefix(self._root.name)
        return (_below(prefix, entry) for entry in walk) if prefix else walk

    def is_untrusted(self, file: SourceFile) -> bool:
        name = file.source
        return self.registry.supports(name) and self.registry.format_of(name).untrusted

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FileReader]:
        worker = ParseWorker(self._setup)
        try:
            yield FileReader(self, worker)
        finally:
            await worker.close()

    def read_here(self, file: SourceFile) -> FileContent:
        """Read a plain format in this very thread."""
        file, given = self.sidecars.fields_of(file)
        try:
            return read_documents(
                file, registry=self.registry, max_file_size=self._setup.max_file_size, given=given
            )
        except DocumentRejectedError as error:
            return error

    def _read_sidecar(self, sidecar: Sidecar) -> tuple[Sidecar, bytes]:
        path = self._root.settings.knowledge_base_path / below_root(sidecar.source)
        times = sidecar.size, sidecar.mtime_ns, sidecar.ctime_ns
        file = SourceFile(sidecar.source, path, *times)
        snapshot = take_snapshot(file, max_file_size=MAX_BYTES)
        read = snapshot.file
        racy = snapshot.read_at_ns - read.mtime_ns < RACY_NS
        size = UNSETTLED if racy else read.size
        version = replace(sidecar, size=size, mtime_ns=read.mtime_ns, ctime_ns=read.ctime_ns)
        return version, snapshot.data


class _RootsReader:
    """A ``DocumentReader`` over several roots: each has its own, since settings may differ."""

    def __init__(self, readers: Mapping[str, FileReader]) -> None:
        self._readers = readers

    async def read(self, files: Sequence[SourceFile]) -> list[FileContent]:
        """As ``DocumentReader.read``."""
        contents: list[FileContent] = []
        for name, some in groupby(files, key=lambda file: root_of(file.source)):
            contents += await self._readers[name].read(list(some))
        return contents


class FileReader:
    """Reads plain formats in a thread and all others in its process."""

    def __init__(self, folder: _Folder, worker: ParseWorker) -> None:
        self._folder = folder
        self._worker = worker

    async def read(self, files: Sequence[SourceFile]) -> list[FileContent]:
        """As ``DocumentReader.read``."""
        folder = self._folder
        plain = [file for file in files if not folder.is_untrusted(file)]
        contents: dict[str, FileContent] = {}
        if plain:
            read = await to_thread.run_sync(lambda: [folder.read_here(file) for file in plain])
            contents = {file.source: each for file, each in zip(plain, read, strict=True)}
        for file in files:
            if folder.is_untrusted(file):
                contents[file.source] = await self._parse(file)
        return [contents[file.source] for file in files]

    async def _parse(self, file: SourceFile) -> FileContent:
        given = NO_FIELDS
        if file.sidecars:
            file, given = await to_thread.run_sync(self._folder.sidecars.fields_of, file)
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
