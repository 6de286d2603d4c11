"""The stage that lists the source, and passes on what may have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from anyio import to_thread
from anyio.abc import ObjectSendStream

from waypoint.ingestion.read import ReadStage
from waypoint.models import (
    Discovery,
    FileReject,
    SkippedFile,
    SourceFile,
    UnreadableFolder,
    WalkWarning,
    root_of,
)
from waypoint.observe.events import (
    DocumentsFound,
    DocumentWarning,
    EventBus,
    FilesFound,
    FileSkipped,
    Surveyed,
)
from waypoint.sources.port import Source
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import Partition

FILES_A_STEP = 256
"""Entries taken from the walk, and asked of the ledger, at once."""
READ_FILES = 32
READ_BYTES = 1024 * 1024
"""Small files are read together, since a change of thread costs more than they do."""


def survey(source: Source) -> Surveyed:
    """Count the files there are, and their bytes; off the event loop."""
    files = size = 0
    for entry in source.discover():
        if isinstance(entry, SourceFile):
            size += entry.size
        files += isinstance(entry, SourceFile | FileReject)
    return Surveyed(files, size)


@dataclass(slots=True)
class WalkResult:
    """What the walk found out about the folder as a whole."""

    complete: bool = False
    files: Counter[str] = field(default_factory=Counter)
    """By the name of their root."""
    unreadable: list[str] = field(default_factory=list)


class DiscoverStage:
    """Lists the source; ``walk`` is what it found out about that as a whole."""

    def __init__(
        self,
        ledger: Ledger,
        collection: int,
        events: EventBus,
        *,
        source: Source,
        reading: ReadStage,
    ) -> None:
        self._ledger = ledger
        self._collection = collection
        self._events = events
        self._source = source
        self._reading = reading
        self.walk = WalkResult()

    async def run(self, found: ObjectSendStream[list[SourceFile]]) -> None:
        """Walk the folder and pass on what the ledger does not know to be unchanged."""
        walk = await to_thread.run_sync(self._source.discover)
        while entries := await to_thread.run_sync(lambda: list(islice(walk, FILES_A_STEP))):
            files, rejected = await self._sort_out(entries)
            partition = await self._partition(files)
            self._announce(files, partition, rejected)
            for some in parcels(partition.changed, self._source.takes_long):
                await found.send(some)
        self.walk.complete = True

    async def _partition(self, files: Sequence[SourceFile]) -> Partition:
        partition = await self._ledger.partition_unchanged(
            self._collection, files, self._source.readers_of, self._reading.reread
        )
        more = {
            _file_of(source, partition.warned_files)
            for source, warnings in partition.warnings.items()
            if self._source.may_read_more(source, warnings)
        }
        if not more:
            return partition
        changed = {file.source for file in partition.changed} | more
        return replace(
            partition,
            changed=[file for file in files if file.source in changed],
            unchanged_documents=partition.unchanged_documents
            - sum(partition.warned_files[file] for file in more),
            warnings={
                source: told
                for source, told in partition.warnings.items()
                if _file_of(source, partition.warned_files) not in more
            },
        )

    async def _sort_out(self, entries: Sequence[Discovery]) -> tuple[list[SourceFile], int]:
        """The files that can be read, and the number of those that cannot."""
        files, rejected = [], 0
        for entry in entries:
            if isinstance(entry, SourceFile | FileReject):
                self.walk.files[root_of(entry.source)] += 1
        for entry in entries:
            if isinstance(entry, SourceFile):
                files.append(entry)
            elif isinstance(entry, SkippedFile):
                self._events.emit(FileSkipped(entry.source, entry.reason, entry.named))
                if entry.stays and not self._reading.reread:
                    await self._ledger.mark_seen([entry.source])
            elif isinstance(entry, WalkWarning):
                self._events.emit(DocumentWarning(entry.source, entry.warning))
            elif isinstance(entry, UnreadableFolder):
                self.walk.unreadable.append(entry.source)
                # It stands for whatever lies in it: a run without that is not all done.
                await self._reading.reject(entry.source, entry.reason, entry.hint)
            else:
                rejected += 1
                await self._reading.reject(entry.source, entry.reason, entry.hint)
        return files, rejected

    def _announce(self, files: Sequence[SourceFile], partition: Partition, rejected: int) -> None:
        found = len(files) + rejected
        size, changed_size = (
            sum(file.size for file in some) for some in (files, partition.changed)
        )
        unchanged = partition.unchanged_documents
        for source, warnings in partition.warnings.items():
            for number, warning in enumerate(warnings):
                told = DocumentWarning(source, warning, first=not number, named=False)
                self._events.emit(told)
        outdated = partition.outdated_documents
        self._events.emit(FilesFound(found, size, unchanged, size - changed_size, outdated))
        self._events.emit(DocumentsFound(len(files) - len(partition.changed), unchanged))


def parcels(
    files: Sequence[SourceFile], takes_long: Callable[[SourceFile], bool]
) -> Iterator[list[SourceFile]]:
    """Files that are read at once: small ones together, one that takes long alone."""
    parcel: list[SourceFile] = []
    size = 0
    for file in files:
        if takes_long(file):
            yield [file]
            continue
        if parcel and (len(parcel) >= READ_FILES or size + file.size > READ_BYTES):
            yield parcel
            parcel, size = [], 0
        parcel.append(file)
        size += file.size
    if parcel:
        yield parcel


def _file_of(source: str, files: Iterable[str]) -> str:
    """Which of the files a document is of: that of the longest name, since one may have any."""
    may_be = (file for file in files if f"{source}/".startswith((f"{file}/", f"{file}#")))
    return max(may_be, key=len)
