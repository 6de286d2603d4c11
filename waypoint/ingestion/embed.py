"""The stages that buy vectors: one that fills batches, and N workers that make the calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream

from waypoint.embedding.adaptive_concurrency import AdaptiveConcurrency
from waypoint.embedding.batching import Batch, BatchBuilder, batch_of
from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.port import (
    Answer,
    BatchTooLargeError,
    CallError,
    CallRefusedError,
    PoisonBatchError,
)
from waypoint.embedding.retrying import POISON_AFTER, RetryingEmbedder
from waypoint.errors import DailyQuotaError, StoppedEarlyError
from waypoint.ingestion.canary import Canary
from waypoint.ingestion.commits import Commits
from waypoint.ingestion.in_flight import InFlight
from waypoint.ingestion.messages import Candidate, WriteOrder
from waypoint.ingestion.work_queue import Part, WorkQueue
from waypoint.models import EmbeddingSpace
from waypoint.observe.events import EventBus, TextRejected
from waypoint.observe.gauges import doing
from waypoint.stopping import Stop
from waypoint.storage.ledger.port import Ledger

POISON_ROUNDS = 3
"""Times that a text alone is found to fail until it is rejected, which is noted for good."""
POISON_CANARIES = 3
"""Canary texts that have to be answered at once, one after the other, for it to count as one."""
POISON_PAUSE = 20.0
"""Seconds between two: what is wrong with the service may pass. Where four of five calls fail
at random, three such rounds in a row happen to one good text of ten million."""

IDLE = 0.05
"""Seconds without a further text after which a batch is sent although it is not full."""


async def fill_batches(
    candidates: ObjectReceiveStream[list[Candidate]],
    batches: ObjectSendStream[Batch[Candidate]],
    builder: BatchBuilder[Candidate],
) -> None:
    """Turn texts into batches; what is left is sent when the input is idle."""
    while True:
        some: list[Candidate] | None = None
        try:
            if len(builder):
                with anyio.move_on_after(IDLE):
                    some = await candidates.receive()
            else:
                some = await candidates.receive()
        except anyio.EndOfStream:
            break
        if some is None:
            await batches.send(builder.flush())
            continue
        for candidate in some:
            for batch in builder.add(candidate):
                await batches.send(batch)
    if len(builder):
        await batches.send(builder.flush())


class EmbedStage:
    """What the workers share: each makes one call at a time, and commits it before the next."""

    def __init__(
        self,
        embedder: RetryingEmbedder,
        ledger: Ledger,
        commits: Commits,
        in_flight: InFlight,
        stop: Stop,
        events: EventBus,
        *,
        space: EmbeddingSpace,
        model: EmbeddingModel,
        slots: AdaptiveConcurrency,
        wait_for_day: Callable[[DailyQuotaError], Awaitable[None]] | None = None,
    ) -> None:
        self._embedder = embedder
        self._ledger = ledger
        self._commits = commits
        self._in_flight = in_flight
        self._stop = stop
        self._events = events
        self._control = Canary(embedder, commits.commit, space, model, wait_for_day)
        self._slots = slots
        self._queue = WorkQueue(slots, stop)
        self._wait_for_day = wait_for_day

    async def work(
        self,
        batches: ObjectReceiveStream[Batch[Candidate]],
        orders: ObjectSendStream[WriteOrder],
    ) -> None:
        """One worker. What was answered is passed on even when the run is to stop."""
        while True:
            with self._stop.interruptible(), doing("slot"):
                await self._slots.take()
            try:
                try:
                    part = await self._queue.take(batches)
                except anyio.EndOfStream:
                    return
                try:
                    await self._buy(part, orders)
                finally:
                    self._queue.done()
            finally:
                self._slots.give_back()

    async def _buy(self, part: Part, orders: ObjectSendStream[WriteOrder]) -> None:
        """Embed a batch, or a part of one."""
        batch = part.batch
        texts = [candidate.text for candidate in batch.items]
        await self._commits.make_room()
        try:
            # Of several texts one of which is known to fail, two failures say as much as five.
            suspect = part.suspect and len(texts) > 1
            answer = await self._embedder.embed(texts, batch.tokens, suspect=suspect)
        except BatchTooLargeError:
            self._halve(part)
            return
        except CallRefusedError as error:
            await self._refused(part, error, orders)
            return
        except PoisonBatchError as error:
            await self._poisoned(part, error, orders)
            return
        except StoppedEarlyError as error:
            await self._buy_what_is_left(batch, error, orders)
            return
        order = await self._pay(batch, answer)
        await orders.send(order)

    async def _buy_what_is_left(
        self,
        batch: Batch[Candidate],
        error: StoppedEarlyError,
        orders: ObjectSendStream[WriteOrder],
    ) -> None:
        """The last texts of the day, or of the budget, are used as well; then the run stops.

        Or it sleeps until the next day, if that is wished.
        """
        count = _affordable(batch, error)
        if count:
            await self._buy(Part(batch_of(batch.items[:count])), orders)
        if self._wait_for_day is None or not isinstance(error, DailyQuotaError):
            raise error
        await self._wait_for_day(error)
        self._queue.put(Part(batch_of(batch.items[count:])))

    async def _pay(self, batch: Batch[Candidate], answer: Answer) -> WriteOrder:
        await self._commits.commit(
            [candidate.key for candidate in batch.items], answer, batch.tokens
        )
        order = WriteOrder()
        for first, vector in zip(batch.items, answer.vectors, strict=True):
            for candidate in (first, *self._in_flight.release(first.key)):
                order.add(candidate, vector)
        return order

    def _halve(self, part: Part, *, suspect: bool = False) -> None:
        for half in part.batch.halves():
            self._queue.put(Part(half, suspect=suspect or part.suspect))

    async def _refused(
        self, part: Part, error: CallRefusedError, orders: ObjectSendStream[WriteOrder]
    ) -> None:
        """Find the texts that the service refuses, and reject them; buy the others."""
        batch = part.batch
        alone = len(batch.items) == 1
        # At the run's beginning before anything is halved, later before anything is rejected:
        # a refusal is noted for good, so it must not be the request's that is taken for the text's.
        if alone or not self._commits.saved:
            await self._control.check(error)
        if alone:
            await self._reject(batch.items[0], error, orders)
            return
        # One text poisons the call for all; halve until it is alone.
        self._halve(part)

    async def _poisoned(
        self, part: Part, error: PoisonBatchError, orders: ObjectSendStream[WriteOrder]
    ) -> None:
        """Find the text that no good answer comes to, and reject it; buy the others."""
        # Waits for the end of an outage: then it was the service.
        at_once = await self._control.check(error)
        if len(part.batch.items) > 1:
            self._halve(part, suspect=True)
            return
        for _ in range(POISON_CANARIES - 1):
            at_once = at_once and await self._control.check(error)
        # Of a service that fails now and then, nothing is learned about the text.
        rounds = part.rounds + at_once
        if rounds < POISON_ROUNDS:
            self._queue.put(Part(part.batch, rounds=rounds), POISON_PAUSE)
        else:
            times = POISON_ROUNDS * POISON_AFTER
            reason = f"no good answer to it in {times} calls or more ({error.reason})"
            await self._reject(part.batch.items[0], PoisonBatchError(reason), orders)

    async def _reject(
        self,
        first: Candidate,
        error: CallError,
        orders: ObjectSendStream[WriteOrder],
    ) -> None:
        # Noted before its duplicates are released: a later chunk meets the refusal in the ledger.
        await self._ledger.refuse_text(first.key, error.reason)
        order = WriteOrder()
        for candidate in (first, *self._in_flight.release(first.key)):
            chunk = candidate.chunk
            order.reject(candidate, error.reason)
            self._events.emit(TextRejected(chunk.source, chunk.id, error.reason))
        await orders.send(order)


def _affordable(batch: Batch[Candidate], error: StoppedEarlyError) -> int:
    """How many texts of a refused batch may still be sent; fewer than all."""
    count = len(batch.items) - 1
    if error.texts_left is not None:
        count = min(count, error.texts_left)
    if error.tokens_left is not None:
        tokens = 0
        for index, item in enumerate(batch.items[:count]):
            tokens += item.tokens
            if tokens > error.tokens_left:
                return index
    return count
