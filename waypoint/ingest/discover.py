"""The stages around the reading: discover before, chunk after. Their work is off the loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from anyio import to_thread
from anyio.abc import ObjectReceiveStream, ObjectSendStream

from waypoint.chunking import ChunkPlan
from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.text_key import TextKeys
from waypoint.embedding.tokens import estimate_tokens
from waypoint.errors import DocumentRejectedError
from waypoint.ingest.messages import Candidate, DocumentJob, ReadDocument
from waypoint.ingest.read import Reading
from waypoint.models import (
    Discovery,
    Document,
    FileReject,
    SkippedFile,
    SourceFile,
    UnreadableFolder,
    WalkWarning,
    root_of,
)
from waypoint.observe.events import (
    ChunksSplit,
    DocumentChunked,
    DocumentsFound,
    DocumentWarning,
    EventBus,
    FilesFound,
    FileSkipped,
)
from waypoint.sources.port import Source
from waypoint.storage.ledger import Ledger, Sifted
from waypoint.storage.ledger.thread import LedgerThread

_Range = tuple[DocumentJob, int, int]
"""Some of a document's chunks: from the first index to behind the last."""

FILES_A_STEP = 256
"""Entries taken from the walk, and asked of the ledger, at once."""
READ_FILES = 32
READ_BYTES = 1024 * 1024
"""Small files are read together, since a change of thread costs more than they do."""
GROUP = 128
"""Chunks that travel together. A large document is many groups, so that its texts are never
all in memory at once."""


@dataclass(slots=True)
class WalkResult:
    """What the walk found out about the folder as a whole."""

    complete: bool = False
    files: Counter[str] = field(default_factory=Counter)
    """By the name of their root."""
    unreadable: list[str] = field(default_factory=list)


class DiscoverStage:
    """The two stages, and what the walk has found out."""

    def __init__(
        self,
        ledger: LedgerThread,
        collection: int,
        events: EventBus,
        *,
        source: Source,
        reading: Reading,
        plan: Callable[[Document], ChunkPlan],
        model: EmbeddingModel,
        task_type: str,
        keys: TextKeys,
    ) -> None:
        self._ledger = ledger
        self._collection = collection
        self._events = events
        self._source = source
        self._reading = reading
        self._plan = plan
        self._model = model
        self._task_type = task_type
        self._keys = keys
        self.walk = WalkResult()

    # -- discover --------------------------------------------------------------------------

    async def discover(self, found: ObjectSendStream[list[SourceFile]]) -> None:
        """Walk the folder and pass on what the ledger does not know to be unchanged."""
        walk = await to_thread.run_sync(self._source.discover)
        while entries := await to_thread.run_sync(lambda: list(islice(walk, FILES_A_STEP))):
            files, rejected = await self._sort_out(entries)
            sifted = await self._ledger.run(Ledger.sift, self._collection, files)
            self._announce(files, sifted, rejected)
            for some in self._parcels(sifted.changed):
                await found.send(some)
        self.walk.complete = True

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

    def _announce(self, files: Sequence[SourceFile], sifted: Sifted, rejected: int) -> None:
        found = len(files) + rejected
        size, changed_size = (sum(file.size for file in some) for some in (files, sifted.changed))
        unchanged = sifted.unchanged_documents
        for source, warnings in sifted.warnings.items():
            for number, warning in enumerate(warnings):
                told = DocumentWarning(source, warning, first=not number, named=False)
                self._events.emit(told)
        self._events.emit(FilesFound(found, size, unchanged, size - changed_size))
        self._events.emit(DocumentsFound(len(files) - len(sifted.changed), unchanged))

    def _parcels(self, files: Sequence[SourceFile]) -> Iterator[list[SourceFile]]:
        parcel: list[SourceFile] = []
        size = 0
        for file in files:
            if self._source.takes_long(file):
                yield [file]
                continue
            if parcel and (len(parcel) >= READ_FILES or size + file.size > READ_BYTES):
                yield parcel
                parcel, size = [], 0
            parcel.append(file)
            size += file.size
        if parcel:
            yield parcel

    # -- chunk -----------------------------------------------------------------------------

    async def chunk(
        self,
        documents: ObjectReceiveStream[list[ReadDocument]],
        groups: ObjectSendStream[list[tuple[DocumentJob, list[Candidate]]]],
    ) -> None:
        """Cut documents into chunks and pass them on in groups; a document may be many."""
        async for some in documents:
            planned = await to_thread.run_sync(self._plan_all, some)
            jobs = []
            for read, job in zip(some, planned, strict=True):
                if isinstance(job, DocumentRejectedError):
                    size = read.document.file.size // read.siblings
                    await self._reading.reject_document(job, size)
                else:
                    jobs.append(job)
                    self._tell_chunked(job)
            for group in _grouped(jobs):
                await groups.send(await to_thread.run_sync(self._cut, group))

    def _plan_all(
        self, documents: Sequence[ReadDocument]
    ) -> list[DocumentJob | DocumentRejectedError]:
        planned: list[DocumentJob | DocumentRejectedError] = []
        for read in documents:
            try:
                planned.append(DocumentJob(self._plan(read.document), read.known, read.siblings))
            except DocumentRejectedError as error:
                planned.append(error)
        return planned

    def _tell_chunked(self, job: DocumentJob) -> None:
        source, characters = job.document.source, len(job.document.text)
        self._events.emit(DocumentChunked(source, job.size, job.plan.count, characters))
        if job.plan.split:
            self._events.emit(ChunksSplit(source, job.plan.split))

    def _cut(self, group: Sequence[_Range]) -> list[tuple[DocumentJob, list[Candidate]]]:
        return [
            (job, [self._candidate(job, index) for index in range(start, stop)])
            for job, start, stop in group
        ]

    def _candidate(self, job: DocumentJob, index: int) -> Candidate:
        chunk = job.plan.chunk(index)
        text = self._model.text_to_embed(chunk.text, self._task_type, chunk.context)
        return Candidate(job, chunk, self._keys.key(text), text, estimate_tokens(text))


def _grouped(jobs: Sequence[DocumentJob]) -> Iterator[list[_Range]]:
    """What travels together: ``GROUP`` chunks or, with the last document, some more."""
    group: list[_Range] = []
    size = 0
    for job in jobs:
        # One range for a document without chunks: it is to be settled all the same.
        for start in range(0, max(1, job.plan.count), GROUP):
            stop = min(start + GROUP, job.plan.count)
            group.append((job, start, stop))
            size += max(1, stop - start)
            if size >= GROUP:
                yield group
                group, size = [], 0
    if group:
        yield group
