"""The stage that embeds, in virtual time: a real ledger, and a service that does as told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import ParamSpec, TypeVar

import anyio

from tests.support.documents import document
from tests.support.scripted_embedder import Outcome, ScriptedEmbedder
from tests.support.virtual_time import run_virtual
from waypoint.chunking import ChunkPlan
from waypoint.embedding.adaptive_concurrency import AdaptiveConcurrency
from waypoint.embedding.batching import Batch, batch_of
from waypoint.embedding.budget import Budget
from waypoint.embedding.metered import Account
from waypoint.embedding.providers import known_model
from waypoint.embedding.rate_limit import Quota, QuotaLimits
from waypoint.embedding.retrying import RetryingEmbedder
from waypoint.embedding.text_key import TextKeys
from waypoint.errors import DailyQuotaError
from waypoint.ingestion.commits import Commits
from waypoint.ingestion.embed import EmbedStage
from waypoint.ingestion.in_flight import InFlight
from waypoint.ingestion.messages import Candidate, DocumentJob, WriteOrder
from waypoint.models import Chunk, TextKey
from waypoint.observe.events import Event, EventBus
from waypoint.stopping import Stop
from waypoint.storage.ledger.sqlite import SqliteLedger
from waypoint.storage.ledger.thread import LedgerThread

P = ParamSpec("P")
T = TypeVar("T")

KEYS = TextKeys(ScriptedEmbedder().space)
DAY = date(2026, 11, 28)


class LedgerOnLoop(LedgerThread):
    """A ledger without a thread of its own: virtual time does not wait for threads."""

    def __init__(self, ledger: SqliteLedger) -> None:
        super().__init__(ledger, anyio.CapacityLimiter(1))

    async def _run(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return method(*args, **kwargs)


def candidate(text: str, *, tokens: int = 1, chunk: str = "") -> Candidate:
    """A chunk that wants the vector of a text, in a document of its own."""
    source = f"{chunk or text}.md"
    job = DocumentJob(ChunkPlan(document(source), []), None)
    return Candidate(job, Chunk(chunk or text, source, text, {}), KEYS.key(text), text, tokens)


@dataclass(slots=True)
class Embedded:
    """What came of it."""

    orders: list[WriteOrder] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0.0
    in_flight: InFlight = field(default_factory=InFlight)
    committed: set[TextKey] = field(default_factory=set)
    refused: dict[TextKey, str] = field(default_factory=dict)

    @property
    def added(self) -> list[str]:
        """Ids of chunks that got a vector, sorted."""
        return sorted(each.chunk.id for order in self.orders for each in order.additions)

    @property
    def rejected(self) -> dict[str, str]:
        """Chunks that are rejected, with the reason."""
        jobs = {id(job): job for order in self.orders for job, _ in order.settled}.values()
        return {chunk: reason for job in jobs for chunk, reason in job.rejects.items()}

    @property
    def settled(self) -> int:
        return sum(count for order in self.orders for _, count in order.settled)

    def told(self, kind: type[T]) -> list[T]:
        """Events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def embed(
    folder: Path,
    batches: Sequence[Sequence[Candidate]],
    outcomes: Iterable[Outcome] | Callable[[float, Sequence[str]], Outcome] = (),
    *,
    duplicates: Sequence[Candidate] = (),
    workers: int = 1,
    latency: float = 0.0,
    limits: QuotaLimits | None = None,
    budget: Budget | None = None,
    wait_for_day: Callable[[DailyQuotaError], Awaitable[None]] | None = None,
) -> Embedded:
    """Have batches embedded; ``duplicates`` wait for a text that is in one of them."""
    folder.mkdir(exist_ok=True)

    async def run() -> Embedded:
        bus, stop, done = EventBus(), Stop(), Embedded()
        bus.subscribe(done.events.append)
        clock = asyncio.get_running_loop().time
        began = clock()
        scripted = ScriptedEmbedder(outcomes, latency=latency)
        model = known_model(scripted.space.model)
        quota = Quota(limits or QuotaLimits(0, 0, 0), bus)
        embedder = RetryingEmbedder(
            scripted, Account(quota, budget), stop, bus, give_up_after=600.0
        )
        opened = SqliteLedger(folder)
        ledger = LedgerOnLoop(opened)
        commits = Commits(
            ledger, bus, space=scripted.space, model=model, batch_size=100, today=lambda: DAY
        )
        stage = EmbedStage(
            embedder, ledger, commits, done.in_flight, stop, bus,
            space=scripted.space, model=model, slots=AdaptiveConcurrency(workers, bus),
            wait_for_day=wait_for_day,
        )  # fmt: skip
        for each in (*(one for batch in batches for one in batch), *duplicates):
            done.in_flight.claim(each)
        send, receive = anyio.create_memory_object_stream[Batch[Candidate]](len(batches))
        orders, ordered = anyio.create_memory_object_stream[WriteOrder](1_000)
        for batch in batches:
            send.send_nowait(batch_of(tuple(batch)))
        send.close()
        try:
            async with anyio.create_task_group() as group:
                for _ in range(workers):
                    group.start_soon(stage.work, receive, orders)
        except ExceptionGroup as errors:
            done.error = errors.exceptions[0]
        finally:
            receive.close()
            orders.close()
        with ordered:
            done.orders.extend([order async for order in ordered])
        done.seconds = clock() - began
        done.calls.extend(texts for _, texts in scripted.calls)
        keys = [one.key for batch in batches for one in batch]
        done.committed, done.refused = opened.committed_keys(keys), opened.refused_texts(keys)
        opened.close()
        return done

    return run_virtual(run)
