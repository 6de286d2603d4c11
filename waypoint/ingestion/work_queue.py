"""What a worker takes next: parts of batches that failed, side by side, or a new batch.

A batch that one text poisons is cut into parts, and idle workers take these: several such texts
are found together, and good texts beside them don't wait for the verdict on a bad one.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from itertools import count

import anyio
from anyio.abc import ObjectReceiveStream

from waypoint.embedding.adaptive_concurrency import AdaptiveConcurrency
from waypoint.embedding.batching import Batch
from waypoint.ingestion.messages import Candidate
from waypoint.observe.gauges import doing
from waypoint.stopping import Stop

MAX_PARTS = 1_000
"""Parts that wait, from which on no new batch is taken: memory is bounded if every text fails."""


@dataclass(frozen=True, slots=True)
class Part:
    """A batch, or what is left to try of one."""

    batch: Batch[Candidate]
    suspect: bool = False
    """Whether the batch that it is a part of got no good answer."""
    rounds: int = 0
    """How often it failed alone, each time followed by a canary that did not."""


class WorkQueue:
    """Shared by all workers; each takes a part, puts back what is left of it, and is done."""

    def __init__(self, slots: AdaptiveConcurrency, stop: Stop) -> None:
        self._slots = slots
        self._stop = stop
        self._parts: list[tuple[float, int, Part]] = []
        self._numbers = count()
        self._taken = 0
        self._ended = False
        self._waiting: set[anyio.CancelScope] = set()

    async def take(self, batches: ObjectReceiveStream[Batch[Candidate]]) -> Part:
        """The next part that is due, else a new batch from the worker's end of the stream.

        Raises:
            anyio.EndOfStream: there is nothing more, and nobody can put anything back.
            StopRequested: the run stops.
        """
        while True:
            part = self._due() or await self._next(batches)
            if part is not None:
                self._taken += 1
                return part

    def put(self, part: Part, delay: float = 0.0) -> None:
        """Have a part taken by whoever is idle, in ``delay`` seconds."""
        due = anyio.current_time() + delay
        heapq.heappush(self._parts, (due, next(self._numbers), part))
        self._wake()

    def done(self) -> None:
        """The worker has dealt with what it took."""
        self._taken -= 1
        if not self._taken:
            self._wake()

    def _due(self) -> Part | None:
        if self._parts and self._parts[0][0] <= anyio.current_time():
            return heapq.heappop(self._parts)[2]
        return None

    async def _next(self, batches: ObjectReceiveStream[Batch[Candidate]]) -> Part | None:
        """A new batch; None once there may be something else to take."""
        if self._ended and not self._parts and not self._taken:
            raise anyio.EndOfStream
        batch: Batch[Candidate] | None = None
        only_parts = self._ended or len(self._parts) >= MAX_PARTS
        # Whoever waits for a part to be put back must not keep the slot that this takes.
        rests = only_parts and self._slots.rest()
        due = self._parts[0][0] if self._parts else math.inf
        with self._stop.interruptible(), anyio.CancelScope(deadline=due) as scope:
            self._waiting.add(scope)
            try:
                if only_parts:
                    with doing("backoff"):
                        await anyio.sleep_forever()
                batch = await batches.receive()
            except anyio.EndOfStream:
                self._ended = True
                self._wake()
            finally:
                self._waiting.discard(scope)
        if rests:
            with self._stop.interruptible(), doing("slot"):
                await self._slots.take()
        return None if batch is None else Part(batch)

    def _wake(self) -> None:
        for scope in self._waiting:
            scope.cancel()
