"""The stage that cuts documents into chunks, off the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from anyio import to_thread
from anyio.abc import ObjectReceiveStream, ObjectSendStream

from waypoint.chunking import ChunkPlan
from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.text_key import TextKeys
from waypoint.embedding.tokens import estimate_tokens
from waypoint.errors import DocumentRejectedError
from waypoint.ingestion.messages import Candidate, DocumentJob, ReadDocument
from waypoint.ingestion.read import ReadStage
from waypoint.models import Document
from waypoint.observe.events import ChunksSplit, DocumentChunked, EventBus

GROUP = 128
"""Chunks that travel together. A large document is many groups, so that its texts are never
all in memory at once."""

_Range = tuple[DocumentJob, int, int]
"""Some of a document's chunks: from the first index to behind the last."""


class ChunkStage:
    """Plans a document's chunks, then cuts their texts out as they are needed.

    Args:
        plan: a document's chunks. Raises DocumentRejectedError for one that cannot be cut.
        reading: is told of documents that cannot be cut.
    """

    def __init__(
        self,
        events: EventBus,
        reading: ReadStage,
        plan: Callable[[Document], ChunkPlan],
        model: EmbeddingModel,
        task_type: str,
        keys: TextKeys,
    ) -> None:
        self._events = events
        self._reading = reading
        self._plan = plan
        self._model = model
        self._task_type = task_type
        self._keys = keys

    async def run(
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
