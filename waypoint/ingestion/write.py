"""The one stage that writes: Chroma first, then the ledger's word that a document is done."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import anyio
import numpy as np
from anyio.abc import ObjectReceiveStream

from waypoint.ingestion.messages import Addition, DocumentJob, MetadataChange, WriteOrder
from waypoint.models import PackedChunks
from waypoint.observe.events import ChunksWritten, DocumentCompleted, DocumentRemoved, EventBus
from waypoint.observe.gauges import doing, doing_for_nobody
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import CompleteDocument
from waypoint.storage.port import VectorStore

ROWS = 1_000
"""Rows in one write: 500 to 1,000 is where Chroma is fastest per CPU second."""

SETTLED_PER_ROW = 5
"""Chunks settled in one write, by ``ROWS``: those that are stored as they should be need no row,
but the text of their document is held until it is noted that they are."""

IDLE = 0.01
"""Seconds without a further order after which fewer rows are written, if none are being."""


@dataclass(frozen=True, slots=True)
class _Write:
    """An order that is started, ready to be sent: its chunks are held in packed form alone."""

    packed: Sequence[PackedChunks]
    added: int
    changes: Sequence[MetadataChange]
    settled: Sequence[tuple[DocumentJob, int]]


class Writer:
    """Owns every change of the collection.

    Args:
        before_first_write: called once, before anything is changed: raises the collection's
            generation, so that an older copy of it can be told from this one.
    """

    def __init__(
        self,
        store: VectorStore,
        ledger: Ledger,
        collection: int,
        events: EventBus,
        before_first_write: Callable[[], Awaitable[None]],
        *,
        rows: int = ROWS,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._collection = collection
        self._events = events
        self._before_first_write = before_first_write
        self._rows = rows
        self._has_written = False

    async def run(self, orders: ObjectReceiveStream[WriteOrder]) -> None:
        """Write until all orders are in; several small ones at once.

        Raises:
            Exception: the first failure of a write, once no other is under way.
        """
        chroma = anyio.Semaphore(1)
        failures: list[Exception] = []

        async def attempt(work: Callable[[], Awaitable[None]]) -> None:
            # Not raised to the group, which would cancel a write: what it does is still noted.
            try:
                await work()
            except Exception as error:
                failures.append(error)
                taking.cancel()

        async def take() -> None:
            while (write := await self._next(orders, chroma)) is not None:
                with doing("store"):
                    await chroma.acquire()
                group.start_soon(attempt, partial(self._write, write, chroma), name="write rows")

        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as taking:
                await attempt(take)
                # The last write; its failure, too, ends the wait for it.
                with doing("store"):
                    await chroma.acquire()
        if failures:
            raise failures[0]

    async def _next(
        self, orders: ObjectReceiveStream[WriteOrder], chroma: anyio.Semaphore
    ) -> _Write | None:
        """What is to be written next, ready to be sent; None when all is."""
        order = await self._gather(orders, chroma)
        if not order.settled:
            return None
        await self._begin(order)
        packed = await self._pack(order.additions) if order.additions else ()
        return _Write(packed, len(order.additions), order.changes, order.settled)

    async def _gather(
        self, orders: ObjectReceiveStream[WriteOrder], chroma: anyio.Semaphore
    ) -> WriteOrder:
        """Several small orders as one; an empty one when all are in."""
        gathered = WriteOrder()
        most_settled = SETTLED_PER_ROW * self._rows
        while gathered.rows < self._rows and len(gathered.settled) < most_settled:
            order: WriteOrder | None = None
            try:
                if gathered.settled:
                    with anyio.move_on_after(IDLE):
                        order = await orders.receive()
                else:
                    order = await orders.receive()
            except anyio.EndOfStream:
                break
            if order is not None:
                gathered.extend(order)
            elif chroma.value:
                # It has nothing else to do, and while it writes these, more come together.
                break
        return gathered

    async def _begin(self, order: WriteOrder) -> None:
        """Note that documents of the order may be in the collection in part from now on."""
        jobs = {id(job): job for job, _ in order.settled}.values()
        to_start = [job for job in jobs if not job.started and (job.plan.count or job.known)]
        if to_start:
            await self._prepare()
            await self._ledger.start_documents(
                self._collection, [job.document.source for job in to_start]
            )
            for job in to_start:
                job.started = True

    async def _pack(self, additions: Sequence[Addition]) -> Sequence[PackedChunks]:
        vectors = np.stack([addition.vector for addition in additions])
        return await self._store.pack([addition.chunk for addition in additions], vectors)

    async def _write(self, write: _Write, chroma: anyio.Semaphore) -> None:
        started = time.monotonic()
        # The stage waits for it; it is not to be counted beside that.
        with doing_for_nobody():
            finished, deleted = await self._change(write)
            # Not after a failure: the next write, which waits for this, is not to be started.
            chroma.release()
            if finished:
                done = [_done(job) for job in finished]
                await self._ledger.complete_documents(self._collection, done)
        seconds = time.monotonic() - started
        self._events.emit(ChunksWritten(write.added, len(write.changes), deleted, seconds))
        for job in finished:
            seconds = time.monotonic() - job.began
            self._events.emit(
                DocumentCompleted(job.document.source, job.plan.count, job.size, seconds)
            )

    async def _change(self, write: _Write) -> tuple[list[DocumentJob], int]:
        """Bring the collection to what is wanted.

        Returns the documents that are complete now, and how many stale chunks they had.
        """
        if write.packed:
            await self._store.upsert(write.packed)
        if write.changes:
            await self._store.update_metadata(
                {change.chunk_id: change.changes for change in write.changes}
            )
        for job, count in write.settled:
            job.settled += count
        jobs = {id(job): job for job, _ in write.settled}.values()
        finished = [job for job in jobs if job.complete]
        return finished, sum([await self._drop_stale(job) for job in finished])

    async def _prepare(self) -> None:
        if not self._has_written:
            await self._before_first_write()
            self._has_written = True

    async def _drop_stale(self, job: DocumentJob) -> int:
        """Delete what earlier versions left; a document never started before has none."""
        if job.known is None:
            return 0
        wanted = set(job.plan.ids) - set(job.rejects)
        stale = [i for i in await self._store.ids_of(job.document.source) if i not in wanted]
        if stale:
            await self._store.delete(stale)
        return len(stale)

    async def remove(self, source: str) -> None:
        """Delete the chunks of a document that is gone, and forget it."""
        await self._prepare()
        await self._ledger.start_documents(self._collection, [source])
        ids = await self._store.ids_of(source)
        if ids:
            await self._store.delete(ids)
        await self._ledger.forget_documents(self._collection, [source])
        self._events.emit(DocumentRemoved(source, len(ids)))


def _done(job: DocumentJob) -> CompleteDocument:
    chunks = list(zip(job.plan.ids, job.keys, strict=True))
    return CompleteDocument(job.document, chunks, job.rejects, job.siblings)
