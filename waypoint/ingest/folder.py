"""The knowledge base of a run, as its settings have it walked and read."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from anyio import to_thread
from anyio.from_thread import start_blocking_portal

from waypoint.errors import DocumentRejectedError
from waypoint.formats.read_file import read_documents
from waypoint.formats.registry import ReaderOptions, ReaderRegistry
from waypoint.formats.worker import ParseWorker
from waypoint.formats.worker_messages import WorkerSetup
from waypoint.ingest.discover import Discovery
from waypoint.ingest.ports import FileContent
from waypoint.models import FileReject, SourceFile
from waypoint.observe.events import Surveyed
from waypoint.settings import Settings
from waypoint.sources.discover import discover
from waypoint.sources.ignoring import Rules

MOST_READERS = 16
"""Each may have a process, of 30 MB before it parses; two feed the highest quota."""


class FolderReader:
    """Walks the folder; opens readers, each for one worker of the pipeline."""

    def __init__(
        self, settings: Settings, category: str | None, only: frozenset[str] | None = None
    ) -> None:
        self.category = category
        self._only = only
        self.readers = min(_cores(), MOST_READERS)
        self._path = settings.knowledge_base_path
        self._setup = WorkerSetup(
            settings.max_file_size,
            settings.parse_timeout,
            settings.parse_memory,
            ReaderOptions(settings.json_text_field),
        )
        self._registry = self._setup.registry()
        self._own = (settings.log_dir, settings.chroma_persist_path)
        self._rules = Rules(settings.include, settings.exclude)

    def discover(self) -> Iterator[Discovery]:
        """Walk the folder. Raises UsageError at once if it, or the category, does not exist."""
        return discover(
            self._path,
            registry=self._registry,
            category=self.category,
            only=self._only,
            max_file_size=self._setup.max_file_size,
            rules=self._rules,
            own=self._own,
        )

    def takes_long(self, file: SourceFile) -> bool:
        """Whether a file is read in a process of its own."""
        name = file.source
        return self._registry.supports(name) and self._registry.format_of(name).untrusted

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FileReader]:
        """A reader; its process, if it comes to have one, ends with the context."""
        worker = ParseWorker(self._setup)
        try:
            yield FileReader(self._registry, self._setup.max_file_size, worker)
        finally:
            await worker.close()

    @contextmanager
    def reading(self) -> Iterator[Callable[[SourceFile], FileContent]]:
        """The same for who has no event loop: a function that reads one file."""
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(self.open()) as reader,
        ):

            def read(file: SourceFile) -> FileContent:
                if self.takes_long(file):
                    return portal.call(reader.read, [file])[0]
                return reader.read_here(file)

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


class FileReader:
    """Reads plain formats in a thread and all others in its process."""

    def __init__(self, registry: ReaderRegistry, max_file_size: int, worker: ParseWorker) -> None:
        self._registry = registry
        self._max_file_size = max_file_size
        self._worker = worker

    async def read(self, files: Sequence[SourceFile]) -> list[FileContent]:
        """As ``DocumentReader.read``."""
        plain = [file for file in files if not self._is_untrusted(file)]
        contents: dict[str, FileContent] = {}
        if plain:
            read = await to_thread.run_sync(lambda: [self.read_here(file) for file in plain])
            contents = {file.source: each for file, each in zip(plain, read, strict=True)}
        for file in files:
            if self._is_untrusted(file):
                contents[file.source] = await self._parse(file)
        return [contents[file.source] for file in files]

    def read_here(self, file: SourceFile) -> FileContent:
        """Read a plain format in this very thread."""
        try:
            return read_documents(file, registry=self._registry, max_file_size=self._max_file_size)
        except DocumentRejectedError as error:
            return error

    def _is_untrusted(self, file: SourceFile) -> bool:
        return self._registry.format_of(file.source).untrusted

    async def _parse(self, file: SourceFile) -> FileContent:
        try:
            return await self._worker.parse(file)
        except DocumentRejectedError as error:
            return error


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
