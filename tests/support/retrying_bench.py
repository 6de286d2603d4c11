"""A retrying embedder in virtual time, over one that does as a script says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.support.scripted_embedder import Outcome, ScriptedEmbedder
from tests.support.virtual_time import run_virtual
from waypoint.embedding.budget import Budget
from waypoint.embedding.metered import Account
from waypoint.embedding.port import QuotaExceededError, TransientCallError
from waypoint.embedding.rate_limit import Quota, QuotaLimits
from waypoint.embedding.retrying import RetryingEmbedder
from waypoint.observe.events import CallFailed, Event, EventBus
from waypoint.stopping import Stop

T = TypeVar("T")


def overloaded(retry_after: float | None = None) -> TransientCallError:
    """A 503."""
    return TransientCallError("503 UNAVAILABLE", 503, retry_after)


def too_many(retry_after: float | None = None, rpm: int | None = None) -> QuotaExceededError:
    """A 429."""
    return QuotaExceededError("429 RESOURCE_EXHAUSTED", retry_after=retry_after, rpm=rpm)


@dataclass(frozen=True, slots=True)
class Bench:
    """A retrying embedder over a scripted one, with all that is around it."""

    embedder: RetryingEmbedder
    scripted: ScriptedEmbedder
    quota: Quota
    stop: Stop
    events: list[Event]
    began: float

    @property
    def times(self) -> list[float]:
        """When calls were made, in seconds from the beginning."""
        return [time - self.began for time in self.scripted.times]

    @property
    def waits(self) -> list[float]:
        """What was waited after each failure."""
        return [event.wait for event in self.events if isinstance(event, CallFailed)]


def on_bench(
    test: Callable[[Bench], Coroutine[object, object, T]],
    outcomes: Iterable[Outcome] | Callable[[float, Sequence[str]], Outcome] = (),
    *,
    latency: float = 0.0,
    limits: QuotaLimits | None = None,
    to_find: frozenset[str] = frozenset(),
    budget: Budget | None = None,
    give_up_after: float = 600.0,
    jitter: Callable[[float, float], float] = lambda _low, high: high,
) -> T:
    """Run a test in virtual time; the jitter is its own upper end if nothing else is said."""

    async def run() -> T:
        clock = asyncio.get_running_loop().time
        bus, stop, events = EventBus(), Stop(), list[Event]()
        bus.subscribe(events.append)
        scripted = ScriptedEmbedder(outcomes, latency=latency)
        quota = Quota(limits or QuotaLimits(0, 0, 0), bus, to_find=to_find)
        embedder = RetryingEmbedder(
            scripted,
            Account(quota, budget),
            stop,
            bus,
            give_up_after=give_up_after,
            jitter=jitter,
        )
        return await test(Bench(embedder, scripted, quota, stop, events, clock()))

    return run_virtual(run)
