"""The stages before the vectors: discover, read, chunk. All their work is off the loop."""

from __future__ import annotations

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
from waypoint.events import (
    ChunksSplit,
    DocumentChunked,
    DocumentRejected,
    DocumentUnchanged,
    DocumentWarning,
    EventBus,
    FilesFound,
    FileSkipped,
    FolderUnreadable,
)
from waypoint.models import (
    Document,
    FileReject,
    SkippedFile,
    SourceFile,
    UnreadableFolder,
    WalkWarning,
)
from waypoint.pipeline.messages import Candidate, DocumentJob, FoundFile, ReadDocument
from waypoint.storage.ledger import Ledger
from waypoint.storage.ledger.thread import LedgerThread

Discovery = SourceFile | FileReject | SkippedFile | UnreadableFolder | WalkWarning

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
    files: int = 0
    unreadable: list[str] = field(default_factory=list)


class Intake:
    """The three stages' shared parts."""

    def __init__(
        self,
        ledger: LedgerThread,
        collection: int,
        events: EventBus,
        *,
        discover: Callable[[], Iterator[Discovery]],
        read: Callable[[SourceFile], Document],
        plan: Callable[[Document], ChunkPlan],
        model: EmbeddingModel,
        task_type: str,
        keys: TextKeys,
    ) -> None:
        self._ledger = ledger
        self._collection = collection
        self._events = events
        self._discover = discover
        self._read = read
        self._plan = plan
        self._model = model
        self._task_type = task_type
        self._keys = keys
        self.walk = WalkResult()

    # -- discover --------------------------------------------------------------------------

    async def discover(self, found: ObjectSendStream[list[FoundFile]]) -> None:
        """Walk the folder and pass on what the ledger does not know to be unchanged."""
        walk = await to_thread.run_sync(self._discover)
        while entries := await to_thread.run_sync(lambda: list(islice(walk, FILES_A_STEP))):
            files, rejected = await self._sort_out(entries)
            changed = await self._ledger.run(Ledger.sift, self._collection, files)
            self._announce(files, [file for file, _ in changed], rejected)
            for some in _parcels([FoundFile(file, known) for file, known in changed]):
                await found.send(some)
        self.walk.complete = True

    async def _sort_out(self, entries: Sequence[Discovery]) -> tuple[list[SourceFile], int]:
        """The files that can be read, and the number of those that cannot."""
        files, rejected = [], 0
        for entry in entries:
            if isinstance(entry, SourceFile):
                files.append(entry)
            elif isinstance(entry, SkippedFile):
                self._events.emit(FileSkipped(entry.source, entry.reason, entry.named))
            elif isinstance(entry, WalkWarning):
                self._events.emit(DocumentWarning(entry.source, entry.warning))
            elif isinstance(entry, UnreadableFolder):
                self.walk.unreadable.append(entry.source)
                self._events.emit(FolderUnreadable(entry.source, entry.reason))
            else:
                rejected += 1
                await self._ledger.run(Ledger.mark_seen, [entry.source])
                await self._reject(entry.source, entry.reason, entry.hint)
        return files, rejected

    def _announce(
        self, files: Sequence[SourceFile], changed: Sequence[SourceFile], rejected: int
    ) -> None:
        found = len(files) + rejected
        self.walk.files += found
        size, changed_size = (sum(file.size for file in some) for some in (files, changed))
        unchanged = len(files) - len(changed)
        self._events.emit(FilesFound(found, size, unchanged, size - changed_size))

    # -- read ------------------------------------------------------------------------------

    async def read(
        self,
        found: ObjectReceiveStream[list[FoundFile]],
        documents: ObjectSendStream[list[ReadDocument]],
    ) -> None:
        """Read files; drop what has the bytes it had, reject what cannot be read."""
        async for files in found:
            results = await to_thread.run_sync(self._read_all, files)
            changed, touched = [], []
            for file, result in zip(files, results, strict=True):
                if isinstance(result, DocumentRejectedError):
                    await self._reject(result.source, result.reason, result.hint)
                    continue
                for warning in result.warnings:
                    self._events.emit(DocumentWarning(result.source, warning))
                known = file.known
                if known is not None and known.done and known.digest == result.digest:
                    touched.append(result)
                else:
                    changed.append(ReadDocument(result, known))
            if touched:
                await self._ledger.run(Ledger.touch, self._collection, touched)
                for document in touched:
                    event = DocumentUnchanged(document.source, document.file.size)
                    self._events.emit(event)
            if changed:
                await documents.send(changed)

    def _read_all(self, files: Sequence[FoundFile]) -> list[Document | DocumentRejectedError]:
        results: list[Document | DocumentRejectedError] = []
        for found in files:
            try:
                results.append(self._read(found.file))
            except DocumentRejectedError as error:
                results.append(error)
        return results

    async def _reject(self, source: str, reason: str, hint: str) -> None:
        await self._ledger.run(Ledger.reject, self._collection, source, reason, hint)
        self._events.emit(DocumentRejected(source, reason, hint))

    # -- chunk -----------------------------------------------------------------------------

    async def chunk(
        self,
        documents: ObjectReceiveStream[list[ReadDocument]],
        groups: ObjectSendStream[list[tuple[DocumentJob, list[Candidate]]]],
    ) -> None:
        """Cut documents into chunks and pass them on in groups; a document may be many."""
        async for some in documents:
            jobs = await to_thread.run_sync(self._plan_all, some)
            for job in jobs:
                self._tell_chunked(job)
            pieces = _pieces(jobs)
            while piece := await to_thread.run_sync(self._next_group, pieces):
                await groups.send(piece)

    def _plan_all(self, documents: Sequence[ReadDocument]) -> list[DocumentJob]:
        return [DocumentJob(self._plan(read.document), read.known) for read in documents]

    def _tell_chunked(self, job: DocumentJob) -> None:
        document = job.document
        size, characters = document.file.size, len(document.text)
        self._events.emit(DocumentChunked(document.source, size, job.plan.count, characters))
        if job.plan.split:
            self._events.emit(ChunksSplit(document.source, job.plan.split))

    def _next_group(
        self, pieces: Iterator[tuple[DocumentJob, int, int]]
    ) -> list[tuple[DocumentJob, list[Candidate]]]:
        group: list[tuple[DocumentJob, list[Candidate]]] = []
        size = 0
        for job, start, stop in pieces:
            group.append((job, [self._candidate(job, i) for i in range(start, stop)]))
            size += max(1, stop - start)
            if size >= GROUP:
                break
        return group

    def _candidate(self, job: DocumentJob, index: int) -> Candidate:
        (chunk,) = job.plan.chunks(index, index + 1)
        text = self._model.text_to_embed(chunk.text, self._task_type, chunk.context)
        return Candidate(job, chunk, self._keys.key(text), text, estimate_tokens(text))


def _parcels(found: Sequence[FoundFile]) -> Iterator[list[FoundFile]]:
    parcel: list[FoundFile] = []
    size = 0
    for file in found:
        if parcel and (len(parcel) >= READ_FILES or size + file.file.size > READ_BYTES):
            yield parcel
            parcel, size = [], 0
        parcel.append(file)
        size += file.file.size
    if parcel:
        yield parcel


def _pieces(jobs: Sequence[DocumentJob]) -> Iterator[tuple[DocumentJob, int, int]]:
    """Ranges of at most ``GROUP`` chunks; an empty one for a document without chunks."""
    for job in jobs:
        for start in range(0, max(1, job.plan.count), GROUP):
            yield job, start, min(start + GROUP, job.plan.count)
