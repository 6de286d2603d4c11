"""Where each chunk's vector comes from: the collection, the ledger, another chunk, or a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import numpy as np
import pytest

from tests.support.documents import document
from tests.support.embed_bench import KEYS, LedgerOnLoop
from tests.support.memory_store import MemoryStore
from tests.support.scripted_embedder import ScriptedEmbedder
from waypoint.chunking import ChunkPlan
from waypoint.ingestion.dedupe import DedupeStage, Group
from waypoint.ingestion.in_flight import InFlight
from waypoint.ingestion.messages import Candidate, DocumentJob, MetadataChange, WriteOrder
from waypoint.models import Chunk, Metadata
from waypoint.observe.events import ChunksDeduplicated, Event, EventBus, TextRejected
from waypoint.storage.ledger.records import KnownDocument
from waypoint.storage.ledger.sqlite import SqliteLedger

STARTED = KnownDocument("d0", 1, complete=False)


class Stored(MemoryStore):
    """The metadata of chunks that a collection holds; nothing else of it is asked for."""

    def __init__(self, metadata: dict[str, Metadata]) -> None:
        super().__init__()
        self.metadata = metadata
        self.asked: list[list[str]] = []

    async def metadata_of(self, ids: Sequence[str]) -> dict[str, Metadata]:
        self.asked.append(list(ids))
        return {each: self.metadata[each] for each in ids if each in self.metadata}


@dataclass(slots=True)
class Looked:
    """What came of it."""

    to_embed: list[list[str]] = field(default_factory=list)
    orders: list[WriteOrder] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """A ledger in which "committed" is committed, and "bad" stands refused."""
    opened = SqliteLedger(tmp_path)
    vectors = np.array([[0.6, 0.8]], np.float32)
    opened.commit_vectors(
        ScriptedEmbedder().space,
        [KEYS.key("committed")],
        vectors,
        tokens=1,
        cost_usd=0,
        day="2026-11-28",
    )
    opened.refuse_text(KEYS.key("bad"), "400 INVALID_ARGUMENT")
    yield opened
    opened.close()


def job_of(
    source: str, *texts: str, known: KnownDocument | None = None
) -> tuple[DocumentJob, list[Candidate]]:
    """A document, with a chunk of 10 tokens for each of the texts."""
    job = DocumentJob(ChunkPlan(document(source), []), known)
    chunks = [
        Chunk(f"{source}:{number}", source, text, {"n": number})
        for number, text in enumerate(texts)
    ]
    return job, [Candidate(job, each, KEYS.key(each.text), each.text, 10) for each in chunks]


async def look_up(
    ledger: SqliteLedger,
    *groups: Group,
    stored: Stored | None = None,
    in_flight: InFlight | None = None,
) -> Looked:
    """Have groups of documents looked up."""
    looked, bus = Looked(), EventBus()
    bus.subscribe(looked.events.append)
    stage = DedupeStage(stored or Stored({}), LedgerOnLoop(ledger), in_flight or InFlight(), bus)
    send, receive = anyio.create_memory_object_stream[Group](10)
    to_embed, embedded = anyio.create_memory_object_stream[list[Candidate]](10)
    orders, ordered = anyio.create_memory_object_stream[WriteOrder](10)
    for group in groups:
        await send.send(group)
    send.close()
    with receive, to_embed, orders, embedded, ordered:
        await stage.run(receive, to_embed, orders)
        to_embed.close()
        orders.close()
        looked.to_embed = [[each.chunk.id for each in some] async for some in embedded]
        looked.orders = [order async for order in ordered]
    return looked


async def test_a_text_that_is_known_is_not_sent(ledger: SqliteLedger) -> None:
    """Committed: written; refused: rejected; the same as another: written with it."""
    job, candidates = job_of("a.md", "committed", "new", "bad", "new", "committed")
    in_flight = InFlight()
    looked = await look_up(ledger, [(job, candidates)], in_flight=in_flight)
    assert looked.to_embed == [["a.md:1"]]
    (order,) = looked.orders
    assert [each.chunk.id for each in order.additions] == ["a.md:0", "a.md:4"]
    assert all(
        np.array_equal(each.vector, np.array([0.6, 0.8], np.float32)) for each in order.additions
    )
    assert order.settled == [(job, 1)] * 3
    assert job.rejects == {"a.md:2": "400 INVALID_ARGUMENT"}
    assert job.keys == [each.key for each in candidates]
    assert looked.events == [
        TextRejected("a.md", "a.md:2", "400 INVALID_ARGUMENT"),
        ChunksDeduplicated(
            present=0, from_ledger=1, same_text=2, to_embed=1, refused=1, tokens_saved=30
        ),
    ]
    assert [each.chunk.id for each in in_flight.release(KEYS.key("new"))] == ["a.md:3"]
    # What was settled may be claimed anew.
    assert in_flight.claim(candidates[0])
    assert in_flight.claim(candidates[2])


async def test_duplicates_of_a_refused_text_are_rejected_with_it(ledger: SqliteLedger) -> None:
    """In whatever document of the group they stand."""
    (a, of_a), (b, of_b) = job_of("a.md", "bad"), job_of("b.md", "bad")
    looked = await look_up(ledger, [(a, of_a), (b, of_b)])
    assert looked.to_embed == []
    (order,) = looked.orders
    assert (order.additions, order.settled) == ([], [(a, 1), (b, 1)])
    assert b.rejects == {"b.md:0": "400 INVALID_ARGUMENT"}
    assert looked.events == [
        TextRejected("a.md", "a.md:0", "400 INVALID_ARGUMENT"),
        TextRejected("b.md", "b.md:0", "400 INVALID_ARGUMENT"),
        ChunksDeduplicated(
            present=0, from_ledger=0, same_text=1, to_embed=0, refused=1, tokens_saved=10
        ),
    ]


async def test_of_a_document_that_was_started_only_what_differs_is_written(
    ledger: SqliteLedger,
) -> None:
    """What the collection holds is not even looked for in the ledger."""
    job, candidates = job_of("a.md", "old", "committed", "moved", "new", known=STARTED)
    fresh, of_fresh = job_of("b.md", "new")
    stored = Stored({"a.md:0": {"n": 0}, "a.md:2": {"n": 7, "gone": True}, "b.md:0": {}})
    looked = await look_up(ledger, [(job, candidates), (fresh, of_fresh)], stored=stored)
    assert stored.asked == [["a.md:0", "a.md:1", "a.md:2", "a.md:3"]]
    assert looked.to_embed == [["a.md:3"]]
    (order,) = looked.orders
    assert order.changes == [MetadataChange("a.md:2", {"n": 2, "gone": None})]
    assert [each.chunk.id for each in order.additions] == ["a.md:1"]
    assert order.settled == [(job, 1)] * 3
    assert looked.events == [
        ChunksDeduplicated(
            present=2, from_ledger=1, same_text=1, to_embed=1, refused=0, tokens_saved=40
        )
    ]


async def test_where_nothing_is_missing_nobody_waits_for_anything(ledger: SqliteLedger) -> None:
    """A document without chunks is settled as it is; one that is stored needs no row."""
    empty, none = job_of("empty.md")
    same, candidates = job_of("same.md", "old", known=STARTED)
    looked = await look_up(
        ledger, [(empty, none), (same, candidates)], stored=Stored({"same.md:0": {"n": 0}})
    )
    (order,) = looked.orders
    assert (order.rows, order.settled) == (0, [(empty, 0), (same, 1)])
    assert looked.to_embed == []
    assert looked.events == [
        ChunksDeduplicated(
            present=1, from_ledger=0, same_text=0, to_embed=0, refused=0, tokens_saved=10
        )
    ]


async def test_nothing_is_sent_where_there_is_nothing_to_say(ledger: SqliteLedger) -> None:
    """No empty order, no empty list of texts; and each group has its own."""
    first, second = job_of("a.md", "new"), job_of("b.md", "newer", "new")
    looked = await look_up(ledger, [first], [second])
    assert looked.orders == []
    assert looked.to_embed == [["a.md:0"], ["b.md:0"]]


async def test_too_many_duplicates_hold_the_next_group_back(ledger: SqliteLedger) -> None:
    """What waits for a text's vector is bounded; the group that brought them is looked up whole."""
    in_flight = InFlight(most_waiting=2)
    first, second = job_of("a.md", "new", "new", "new"), job_of("b.md", "committed")
    async with anyio.create_task_group() as group:
        group.start_soon(partial(look_up, ledger, [first], [second], in_flight=in_flight))
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert len(in_flight.release(KEYS.key("new"))) == 2
    looked = await look_up(ledger, [second], in_flight=in_flight)
    assert len(looked.orders) == 1
