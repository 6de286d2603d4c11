"""The one stage that writes: Chroma first, then the ledger's word that a document is done."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import anyio
import numpy as np
from anyio.abc import ObjectReceiveStream

from waypoint.events import ChunksWritten, DocumentDone, DocumentRemoved, EventBus
from waypoint.pipeline.messages import DocumentJob, WriteOrder
from waypoint.pipeline.ports import VectorStore
from waypoint.storage.ledger import DoneDocument, Ledger
from waypoint.storage.ledger.thread import LedgerThread

ROWS = 1_000
"""Rows in one write: 500 to 1,000 is where Chroma is fastest per CPU second."""

IDLE = 0.01
"""Seconds without a further order after which fewer rows are written: Chroma has nothing else to
do, and while it writes them, more come together."""


class Writer:
    """Owns every change of the collection.

    Args:
        before_first_write: called once, before anything is changed: raises the collection's
            generation, so that an older copy of it can be told from this one.
    """

    def __init__(
        self,
        store: VectorStore,
        ledger: LedgerThread,
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
        """Write until all orders are in; several small ones at once."""
        pending = WriteOrder()
        while True:
            order: WriteOrder | None = None
            try:
                if pending.settled:
                    with anyio.move_on_after(IDLE):
                        order = await orders.receive()
                else:
                    order = await orders.receive()
            except anyio.EndOfStream:
                break
            if order is not None:
                pending.extend(order)
            if order is None or pending.rows >= self._rows:
                await self._write(pending)
                pending = WriteOrder()
        if pending.settled:
            await self._write(pending)

    async def _write(self, order: WriteOrder) -> None:
        jobs = {id(job): job for job, _ in order.settled}
        for job, count in order.settled:
            job.settled += count
        finished = [job for job in jobs.values() if job.complete]
        to_begin = [job for job in jobs.values() if not job.begun and (job.plan.count or job.known)]
        if to_begin:
            await self._prepare()
            await self._ledger.run(
                Ledger.begin, self._collection, [job.document.source for job in to_begin]
            )
            for job in to_begin:
                job.begun = True
        started = time.monotonic()
        await self._write_rows(order)
        deleted = 0
        for job in finished:
            deleted += await self._drop_stale(job)
        if finished:
            done = [_done(job) for job in finished]
            await self._ledger.run(Ledger.finish, self._collection, done)
        self._events.emit(
            ChunksWritten(
                len(order.additions), len(order.changes), deleted, time.monotonic() - started
            )
        )
        for job in finished:
            seconds = time.monotonic() - job.began
            self._events.emit(DocumentDone(job.document.source, job.plan.count, job.size, seconds))

    async def _prepare(self) -> None:
        if not self._has_written:
            await self._before_first_write()
            self._has_written = True

    async def _write_rows(self, order: WriteOrder) -> None:
        for start in range(0, len(order.additions), self._rows):
            some = order.additions[start : start + self._rows]
            vectors = np.stack([addition.vector for addition in some])
            await self._store.upsert([addition.chunk for addition in some], vectors)
        if order.changes:
            await self._store.update_metadata(
                {change.chunk_id: change.changes for change in order.changes}
            )

    async def _drop_stale(self, job: DocumentJob) -> int:
        """Delete what earlier versions left; a document never begun before has none."""
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
        await self._ledger.run(Ledger.begin, self._collection, [source])
        ids = await self._store.ids_of(source)
        if ids:
            await self._store.delete(ids)
        await self._ledger.run(Ledger.forget, self._collection, [source])
        self._events.emit(DocumentRemoved(source, len(ids)))


def _done(job: DocumentJob) -> DoneDocument:
    chunks = list(zip(job.plan.ids, job.keys, strict=True))
    return DoneDocument(job.document, chunks, job.rejects, job.siblings)
