"""What the writer changes, in which order, and what it notes and tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import numpy as np
import pytest

from tests.support.documents import document
from tests.support.embed_bench import KEYS, LedgerOnLoop
from tests.support.memory_store import MemoryStore, Row
from waypoint.chunking import Chunker, ChunkingSettings
from waypoint.errors import StoreWriteError
from waypoint.ingestion.messages import Candidate, DocumentJob, MetadataChange, WriteOrder
from waypoint.ingestion.write import Writer
from waypoint.models import MetadataValue, PackedChunks
from waypoint.observe.events import (
    ChunksWritten,
    DocumentCompleted,
    DocumentRemoved,
    Event,
    EventBus,
)
from waypoint.storage.ledger.records import KnownDocument
from waypoint.storage.ledger.sqlite import SqliteLedger

KNOWN = KnownDocument("d0", 3, complete=True)
VECTOR = np.array([0.6, 0.8], np.float32)
ROWS = 4


class NotedStore(MemoryStore):
    """A collection in memory; what was done to it is noted, in order."""

    def __init__(self) -> None:
        super().__init__(name="kb")
        self.changes: dict[str, Mapping[str, MetadataValue | None]] = {}
        self.done: list[str] = []
        self.fails: Exception | None = None

    def hold(self, *ids: str, source: str = "a.md") -> None:
        """Have chunks from the start."""
        for each in ids:
            self.rows[each] = Row(source, "", {"n": 0}, VECTOR)

    async def upsert(self, packed: Sequence[PackedChunks]) -> None:
        if self.fails:
            raise self.fails
        await super().upsert(packed)
        self.done.append("upsert")

    async def update_metadata(
        self, metadata: Mapping[str, Mapping[str, MetadataValue | None]]
    ) -> None:
        await super().update_metadata(metadata)
        self.changes.update(metadata)
        self.done.append("update")

    async def delete(self, ids: Sequence[str]) -> None:
        await super().delete(ids)
        self.done.append("delete")


@dataclass(slots=True)
class Bench:
    """A writer, and what it writes to."""

    ledger: SqliteLedger
    store: NotedStore
    writer: Writer
    collection: int
    events: list[Event]

    def told(self, *kinds: type[Event]) -> list[Event]:
        """Events of these kinds, their times apart."""
        told = [event for event in self.events if isinstance(event, kinds)]
        assert all(0 <= getattr(event, "seconds", 0) < 60 for event in told)
        return [
            replace(event, seconds=0.0)
            if isinstance(event, ChunksWritten | DocumentCompleted)
            else event
            for event in told
        ]

    def known(self, *sources: str) -> dict[str, bool]:
        """Documents that the ledger knows, and whether they are done."""
        found = self.ledger.find_documents(self.collection, sources)
        return {source: each.complete for source, each in found.items()}

    async def write(self, *orders: WriteOrder) -> None:
        """Have orders written, all of them."""
        send, receive = anyio.create_memory_object_stream[WriteOrder](len(orders))
        for order in orders:
            send.send_nowait(order)
        send.close()
        with receive:
            await self.writer.run(receive)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A new collection, a new ledger."""
    ledger, store, events, bus = SqliteLedger(tmp_path), NotedStore(), list[Event](), EventBus()
    bus.subscribe(events.append)
    entry = ledger.adopt_collection("kb", store_id="c", generation=1, root="/kb")

    async def before_first_write() -> None:
        store.done.append("generation")

    writer = Writer(store, LedgerOnLoop(ledger), entry.id, bus, before_first_write, rows=ROWS)
    yield Bench(ledger, store, writer, entry.id, events)
    ledger.close()


def job_of(source: str, chunks: int, *, known: KnownDocument | None = None) -> DocumentJob:
    """A document of so many chunks, on its way."""
    text = "\n\n".join(
        f"Paragraph {number} of {source}. ".ljust(90, "x") for number in range(chunks)
    )
    plan = Chunker(ChunkingSettings(size=100, overlap=0)).plan(replace(document(source), text=text))
    assert plan.count == chunks
    return DocumentJob(
        plan, known, keys=[KEYS.key(f"{source}{number}") for number in range(chunks)]
    )


def candidates(job: DocumentJob) -> list[Candidate]:
    """Its chunks."""
    chunks = [job.plan.chunk(index) for index in range(job.plan.count)]
    return [Candidate(job, each, KEYS.key(each.text), each.text, 1) for each in chunks]


def order_of(*jobs: DocumentJob) -> WriteOrder:
    """To write all chunks of these documents."""
    order = WriteOrder()
    for job in jobs:
        for each in candidates(job):
            order.add(each, VECTOR)
    return order


async def test_a_new_document_is_written_and_then_noted(bench: Bench) -> None:
    """The collection's generation is raised once, before anything is changed."""
    first, second = job_of("a.md", 3), job_of("b.md", 2)
    await bench.write(order_of(first))
    await bench.write(order_of(second))
    assert bench.store.done == ["generation", "upsert", "upsert"]
    assert set(bench.store.rows) == {*first.plan.ids, *second.plan.ids}
    assert all(np.array_equal(row.vector, VECTOR) for row in bench.store.rows.values())
    assert bench.known("a.md", "b.md") == {"a.md": True, "b.md": True}
    assert bench.ledger.chunk_count(bench.collection) == 5
    assert bench.told(ChunksWritten, DocumentCompleted) == [
        ChunksWritten(3, 0, 0, 0.0), DocumentCompleted("a.md", 3, 100),
        ChunksWritten(2, 0, 0, 0.0), DocumentCompleted("b.md", 2, 100),
    ]  # fmt: skip


async def test_small_orders_are_written_together_and_large_ones_are_not(bench: Bench) -> None:
    """Up to as many rows as a write likes; a document is done when its last row is in."""
    small = [job_of(f"{number}.md", 1) for number in range(6)]
    large = job_of("large.md", 2 * ROWS)
    halves = [WriteOrder(), WriteOrder()]
    for index, each in enumerate(candidates(large)):
        halves[index // ROWS].add(each, VECTOR)
    await bench.write(*(order_of(job) for job in small), *halves)
    written = [event for event in bench.events if isinstance(event, ChunksWritten)]
    assert [event.added for event in written] == [ROWS, 2 + ROWS, ROWS]
    done = [event.source for event in bench.events if isinstance(event, DocumentCompleted)]
    assert done == [*(f"{number}.md" for number in range(6)), "large.md"]
    assert bench.events.index(written[-1]) < len(bench.events) - 1


async def test_what_a_document_had_before_is_dropped_after_the_new_is_in(bench: Bench) -> None:
    """Only of one that was known: its stale chunks, and those that are rejected now."""
    job = job_of("a.md", 3, known=KNOWN)
    bench.store.hold("a.md:stale", job.plan.ids[1])
    bench.store.hold("other", source="b.md")
    order = WriteOrder()
    for index, each in enumerate(candidates(job)):
        if index == 1:
            order.reject(each, "refused")
        else:
            order.add(each, VECTOR)
    await bench.write(order)
    assert bench.store.done == ["generation", "upsert", "delete"]
    assert set(bench.store.rows) == {job.plan.ids[0], job.plan.ids[2], "other"}
    assert bench.told(ChunksWritten) == [ChunksWritten(2, 0, 2, 0.0)]
    assert [(each.chunk, each.reason) for each in bench.ledger.rejects()] == [
        (job.plan.ids[1], "refused")
    ]
    assert bench.ledger.chunk_count(bench.collection) == 2


async def test_of_a_document_that_is_stored_only_what_differs_is_changed(bench: Bench) -> None:
    """No row is written; it is started first all the same, and then done."""
    job = job_of("a.md", 2, known=KNOWN)
    bench.store.hold(*job.plan.ids)
    change = MetadataChange(job.plan.ids[0], {"title": "new", "old": None})
    await bench.write(WriteOrder(changes=[change], settled=[(job, 1), (job, 1)]))
    assert bench.store.done == ["generation", "update"]
    assert bench.store.changes == {job.plan.ids[0]: {"title": "new", "old": None}}
    assert bench.known("a.md") == {"a.md": True}
    assert bench.told(ChunksWritten, DocumentCompleted) == [
        ChunksWritten(0, 1, 0, 0.0), DocumentCompleted("a.md", 2, 100),
    ]  # fmt: skip


async def test_an_empty_document_is_noted_and_changes_nothing(bench: Bench) -> None:
    """Unless an earlier version of it left something."""
    new, emptied = job_of("new.md", 0), job_of("emptied.md", 0, known=KNOWN)
    await bench.write(WriteOrder(settled=[(new, 0)]))
    assert bench.store.done == []
    assert bench.known("new.md") == {"new.md": True}
    bench.store.hold("left", source="emptied.md")
    await bench.write(WriteOrder(settled=[(emptied, 0)]))
    assert bench.store.done == ["generation", "delete"]
    assert bench.store.rows == {}
    assert bench.known("emptied.md") == {"emptied.md": True}


async def test_a_document_is_started_before_a_part_of_it_is_written(bench: Bench) -> None:
    """So that a run that dies in between leaves no part that nobody knows of."""
    job = job_of("a.md", 3)
    order = WriteOrder()
    for each in candidates(job)[:2]:
        order.add(each, VECTOR)
    await bench.write(order)
    assert bench.known("a.md") == {"a.md": False}
    assert job.started
    assert bench.told(DocumentCompleted) == []
    last = WriteOrder()
    last.add(candidates(job)[2], VECTOR)
    await bench.write(last)
    assert bench.known("a.md") == {"a.md": True}
    assert bench.told(DocumentCompleted) == [DocumentCompleted("a.md", 3, 100)]


async def test_a_document_of_a_file_of_several_is_noted_as_such(bench: Bench) -> None:
    """So that the file is read again until all of them are done."""
    job = job_of("a.md", 1)
    job.siblings = 2
    await bench.write(order_of(job))
    file = job.document.file
    assert bench.ledger.partition_unchanged(bench.collection, [file]).changed == [file]


async def test_after_a_failure_nothing_further_is_started(bench: Bench) -> None:
    """The documents of that write stay started, and the failure is raised as it is."""
    bench.store.fails = StoreWriteError("no room", hint="make some")
    first, second = job_of("a.md", ROWS - 2), job_of("b.md", 2)
    with pytest.raises(StoreWriteError, match="no room"):
        await bench.write(order_of(first), order_of(second), order_of(job_of("c.md", ROWS)))
    assert bench.store.rows == {}
    assert bench.known("a.md", "b.md") == {"a.md": False, "b.md": False}
    assert not any(bench.known("c.md").values())
    assert bench.told(ChunksWritten, DocumentCompleted) == []


async def test_a_document_that_is_gone_goes_with_its_chunks(bench: Bench) -> None:
    """Its own alone; one that has none is forgotten as well, and both are told."""
    kept, gone = job_of("kept.md", 1), job_of("gone.md", 2)
    await bench.write(order_of(kept, gone))
    bench.ledger.start_documents(bench.collection, ["empty.md"])
    await bench.writer.remove("gone.md")
    await bench.writer.remove("empty.md")
    assert set(bench.store.rows) == set(kept.plan.ids)
    assert bench.store.done == ["generation", "upsert", "delete"]
    assert bench.known("kept.md", "gone.md", "empty.md") == {"kept.md": True}
    assert bench.told(DocumentRemoved) == [
        DocumentRemoved("gone.md", 2), DocumentRemoved("empty.md", 0),
    ]  # fmt: skip


async def test_a_removal_raises_the_generation_as_well(bench: Bench) -> None:
    """And is noted as started: should the run die, it is made again."""
    bench.store.hold("gone", source="gone.md")
    started: list[dict[str, bool]] = []
    delete = bench.store.delete

    async def look(ids: Sequence[str]) -> None:
        started.append(bench.known("gone.md"))
        await delete(ids)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NotedStore, "delete", lambda _self, ids: look(ids))
        await bench.writer.remove("gone.md")
    assert started == [{"gone.md": False}]
    assert bench.store.done == ["generation", "delete"]
    assert bench.known("gone.md") == {}


async def test_few_rows_wait_while_a_write_is_under_way_and_no_longer(bench: Bench) -> None:
    """While nothing is written, they are not held back for company."""
    job, more = job_of("a.md", 1), job_of("b.md", 1)
    send, receive = anyio.create_memory_object_stream[WriteOrder](2)
    async with anyio.create_task_group() as group:
        group.start_soon(bench.writer.run, receive)
        send.send_nowait(order_of(job))
        with anyio.fail_after(10):
            while bench.known("a.md") != {"a.md": True}:
                await anyio.lowlevel.checkpoint()
            send.send_nowait(order_of(more))
            while bench.known("b.md") != {"b.md": True}:
                await anyio.lowlevel.checkpoint()
        send.close()
    receive.close()
    assert bench.store.done == ["generation", "upsert", "upsert"]
