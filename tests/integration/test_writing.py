"""The writer before a real Chroma and a real ledger: one write at a time, the next one ready."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import numpy as np
import pytest

from tests.support.chroma_servers import private_server
from tests.support.documents import document
from waypoint.chunking import Chunker, ChunkingSettings
from waypoint.errors import StoreWriteError
from waypoint.ingestion.messages import Candidate, DocumentJob, WriteOrder
from waypoint.ingestion.write import SETTLED_PER_ROW, Writer
from waypoint.models import Chunk, EmbeddingSpace, PackedChunks, TextKey, Vectors
from waypoint.observe.events import EventBus
from waypoint.settings import ChromaAddress
from waypoint.storage.chroma.store import ChromaStore, open_chroma
from waypoint.storage.ledger.thread import LedgerThread, open_ledger

ROWS = 10
SPACE = EmbeddingSpace("simulator", "gemini-embedding-001", 8, "RETRIEVAL_DOCUMENT")
KEY = TextKey(b"k" * 32)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running server."""
    with private_server(tmp_path_factory.mktemp("chroma")) as running:
        yield running


class GatedStore(ChromaStore):
    """A real store whose writes wait to be let through; what came to it is noted."""

    def __init__(self, store: ChromaStore) -> None:
        super().__init__(store._probe, store._calls)
        self._collection = store._collection
        self.packed = 0
        self.begun = 0
        self.let_through = anyio.Semaphore(0)
        self.at_once = 0
        self.most_at_once = 0
        self.failures: list[Exception] = []
        """What the next writes end with, instead of being made."""

    async def pack(self, chunks: Sequence[Chunk], vectors: Vectors) -> list[PackedChunks]:
        self.packed += 1
        return await super().pack(chunks, vectors)

    async def upsert(self, packed: Sequence[PackedChunks]) -> None:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.let_through.acquire()
        self.at_once -= 1
        if self.failures:
            raise self.failures.pop(0)
        await super().upsert(packed)


@dataclass(frozen=True, slots=True)
class Bench:
    """A writer and what it writes to."""

    writer: Writer
    store: GatedStore
    collection: ChromaStore
    ledger: LedgerThread
    id: int

    async def done(self, job: DocumentJob) -> bool:
        """Whether the ledger says that the document is done."""
        source = job.document.source
        known = await self.ledger.find_documents(self.id, [source])
        return source in known and known[source].complete


@asynccontextmanager
async def bench(port: int, folder: Path) -> AsyncIterator[Bench]:
    """A new collection, a new ledger."""
    async with (
        open_chroma(ChromaAddress("127.0.0.1", port), EventBus()) as store,
        open_ledger(folder) as ledger,
    ):
        state = await store.create(f"kb-{secrets.token_hex(8)}", SPACE, {"schema": 1})
        entry = await ledger.adopt_collection(
            "kb", store_id=state.id, generation=1, root="/knowledge"
        )
        gated = GatedStore(store)

        async def before_first_write() -> None:
            return

        writer = Writer(gated, ledger, entry.id, EventBus(), before_first_write, rows=ROWS)
        yield Bench(writer, gated, store, ledger, entry.id)


def job_of(source: str, chunks: int) -> DocumentJob:
    """A document of so many chunks, on its way."""
    text = "\n\n".join(
        f"Paragraph {number} of {source}. ".ljust(90, "x") for number in range(chunks)
    )
    plan = Chunker(ChunkingSettings(size=100, overlap=0)).plan(replace(document(source), text=text))
    assert plan.count == chunks
    return DocumentJob(plan, None, keys=[KEY] * chunks)


def orders_of(job: DocumentJob) -> list[WriteOrder]:
    """An order for each ``ROWS`` of a document's chunks."""
    orders = []
    vector = np.ones(8, np.float32) / np.sqrt(np.float32(8))
    for start in range(0, job.plan.count, ROWS):
        order = WriteOrder()
        for index in range(start, min(start + ROWS, job.plan.count)):
            chunk = job.plan.chunk(index)
            order.add(Candidate(job, chunk, KEY, chunk.text, 1), vector)
        orders.append(order)
    return orders


async def test_the_next_write_is_ready_while_one_is_under_way(port: int, tmp_path: Path) -> None:
    """It waits for its turn, and a document of both is done after the second, not before."""
    job = job_of("long.md", 2 * ROWS)
    send, receive = anyio.create_memory_object_stream[WriteOrder](4)
    async with bench(port, tmp_path) as made, anyio.create_task_group() as group:
        group.start_soon(made.writer.run, receive)
        with anyio.fail_after(20):
            for order in orders_of(job):
                await send.send(order)
            while made.store.packed < 2 or not made.store.begun:
                await anyio.lowlevel.checkpoint()
            assert made.store.begun == 1
            made.store.let_through.release()
            while made.store.begun < 2:
                await anyio.lowlevel.checkpoint()
            assert not await made.done(job)
            made.store.let_through.release()
            send.close()
            while not await made.done(job):
                await anyio.lowlevel.checkpoint()
        assert made.store.most_at_once == 1
        assert sorted(await made.collection.ids_of("long.md")) == sorted(job.plan.ids)
    receive.close()


async def test_a_write_that_fails_ends_it_and_nothing_of_it_is_done(
    port: int, tmp_path: Path
) -> None:
    """The failure is raised as it is; what was acknowledged before stays done."""
    first, second, third = (job_of(f"{name}.md", ROWS) for name in ("a", "b", "c"))
    send, receive = anyio.create_memory_object_stream[WriteOrder](4)
    async with bench(port, tmp_path) as made:
        for job in (first, second, third):
            for order in orders_of(job):
                await send.send(order)
        made.store.let_through.release()
        async with anyio.create_task_group() as group:

            async def run() -> None:
                with pytest.raises(StoreWriteError, match="no room"):
                    await made.writer.run(receive)

            group.start_soon(run)
            with anyio.fail_after(20):
                # The third waits for its turn, which never comes.
                while made.store.begun < 2 or made.store.packed < 3:
                    await anyio.lowlevel.checkpoint()
                await anyio.wait_all_tasks_blocked()
                made.store.failures = [StoreWriteError("no room", hint="make some")]
                made.store.let_through.release()
        assert [await made.done(job) for job in (first, second, third)] == [True, False, False]
        assert made.store.begun == 2
        assert await made.collection.count() == ROWS
    send.close()
    receive.close()


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_last_write_may_fail_as_well(port: int, tmp_path: Path, at_once: bool) -> None:
    """All orders are in, and nothing is left that would wake anybody but the failure."""
    job = job_of("last.md", ROWS)
    send, receive = anyio.create_memory_object_stream[WriteOrder](1)
    await send.send(*orders_of(job))
    send.close()
    async with bench(port, tmp_path) as made:
        made.store.failures = [StoreWriteError("no room", hint="make some")]
        if at_once:
            made.store.let_through.release()
        async with anyio.create_task_group() as group:

            async def run() -> None:
                with pytest.raises(StoreWriteError, match="no room"), anyio.fail_after(20):
                    await made.writer.run(receive)

            group.start_soon(run)
            await anyio.wait_all_tasks_blocked()
            made.store.let_through.release()
        assert not await made.done(job)
    receive.close()


async def test_what_needs_no_row_does_not_gather_without_end(port: int, tmp_path: Path) -> None:
    """Chunks that are stored already are noted now and then, also while Chroma writes."""
    job, most = job_of("new.md", ROWS), SETTLED_PER_ROW * ROWS
    stored = [job_of(f"stored-{number}.md", ROWS) for number in range(3 * SETTLED_PER_ROW)]
    send, receive = anyio.create_memory_object_stream[WriteOrder](len(stored) + 1)
    for order in orders_of(job):
        await send.send(order)
    for each in stored:
        await send.send(WriteOrder(settled=[(each, ROWS // 2)] * 2 + [(each, 0)] * (ROWS - 2)))
    async with bench(port, tmp_path) as made, anyio.create_task_group() as group:
        group.start_soon(made.writer.run, receive)
        with anyio.fail_after(20):
            while not made.store.begun:
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            # One order was being gathered: full, it waits; what is behind it is still to come.
            left = receive.statistics().current_buffer_used
            assert left == len(stored) - most // ROWS
            made.store.let_through.release()
            send.close()
            while not all([await made.done(each) for each in (job, *stored)]):
                await anyio.lowlevel.checkpoint()
        assert made.store.begun == 1
    receive.close()
