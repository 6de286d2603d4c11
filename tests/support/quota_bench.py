"""A service that counts, in virtual time: hours of a quota in a moment.

The counting is the simulator's own; between the worker and it lies a way whose length varies.
"""

from __future__ import annotations

import asyncio
import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import anyio
import numpy as np

from tests.support.sliding_window import Admission, peak
from tests.support.virtual_time import run_virtual
from waypoint.embedding.metered import Account
from waypoint.embedding.port import Answer, QuotaExceededError
from waypoint.embedding.rate_limit import WINDOW, Quota, QuotaLimits
from waypoint.embedding.retrying import RetryingEmbedder
from waypoint.models import EmbeddingSpace, EstimatedQuota
from waypoint.observe.events import Event, EventBus
from waypoint.simulator.quota import MINUTE_NS, SECOND_NS, Limit, QuotaExceeded, Violation
from waypoint.simulator.quota import Quota as ServiceQuota
from waypoint.simulator.settings import SimulatorSettings
from waypoint.stopping import Stop


@dataclass(slots=True)
class TokenBucket:
    """Texts alone, refilled evenly: what the simulator does not do and other services may."""

    last_ns: int
    used: float = 0.0

    def check(
        self, now_ns: int, texts: int, tokens: int, settings: SimulatorSettings
    ) -> QuotaExceeded | None:
        """As the simulator's quota."""
        a_ns = settings.rpm / MINUTE_NS
        self.used = max(0.0, self.used - (now_ns - self.last_ns) * a_ns)
        self.last_ns = now_ns
        excess = self.used + texts - settings.rpm
        if excess <= 0:
            return None
        violation = Violation(Limit.TEXTS_PER_MINUTE, settings.rpm)
        return QuotaExceeded((violation,), math.ceil(excess / a_ns))

    def count(self, now_ns: int, texts: int, tokens: int, settings: SimulatorSettings) -> None:
        """As the simulator's quota."""
        self.used += texts


@dataclass(slots=True)
class CountingService:
    """Admits and refuses as the service does. Seconds are of the loop's clock.

    Args:
        jitter: a call arrives up to so many seconds after it was sent.
        tells: whether a refusal names the limit; delays: whether it says how long to wait.
        others: texts a minute that other programs of the same project send.
        busy: share of the calls that are refused for want of capacity, at whatever pace.
        bucket: counts by a token bucket that holds a minute's texts, instead of by a window.
        phase: seconds of the service's fixed minute that are over when the first call comes.
    """

    settings: SimulatorSettings
    tokens_a_text: int = 1
    jitter: float = 0.0
    latency: float = 0.3
    tells: bool = True
    delays: bool = True
    others: int = 0
    busy: float = 0.0
    bucket: bool = False
    phase: float = 0.0
    admitted: list[Admission] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    """By the quota."""
    busy_at: list[float] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(7))
    _busy_draw: random.Random = field(default_factory=lambda: random.Random(5))
    _quota: ServiceQuota | TokenBucket | None = None
    _last_ns: int = 0

    @property
    def space(self) -> EmbeddingSpace:
        return EmbeddingSpace("simulator", "gemini-embedding-001", 2, "RETRIEVAL_DOCUMENT")

    def _now_ns(self) -> int:
        # Never falling, as the simulator wants it.
        self._last_ns = max(self._last_ns, int(asyncio.get_running_loop().time() * SECOND_NS))
        return self._last_ns

    def _counting(self, now_ns: int) -> ServiceQuota | TokenBucket:
        if self._quota is None:
            began_ns = now_ns - int(self.phase * SECOND_NS)
            self._quota = TokenBucket(now_ns) if self.bucket else ServiceQuota(began_ns)
        return self._quota

    async def embed(self, texts: Sequence[str]) -> Answer:
        """One call, in virtual time."""
        await anyio.sleep(self._random.uniform(0, self.jitter))
        now_ns = self._now_ns()
        if self._busy_draw.random() < self.busy:
            self.busy_at.append(now_ns / SECOND_NS)
            await anyio.sleep(0.05)
            raise QuotaExceededError("429 RESOURCE_EXHAUSTED", retry_after=None)
        quota = self._counting(now_ns)
        tokens = len(texts) * self.tokens_a_text
        exceeded = quota.check(now_ns, len(texts), tokens, self.settings)
        if exceeded is not None:
            self.refused.append(now_ns / SECOND_NS)
            await anyio.sleep(0.05)
            figures = {violation.limit: violation.value for violation in exceeded.violations}
            raise QuotaExceededError(
                "429 RESOURCE_EXHAUSTED",
                retry_after=exceeded.retry_after_ns / SECOND_NS if self.delays else None,
                rpm=figures.get(Limit.TEXTS_PER_MINUTE) if self.tells else None,
                tpm=figures.get(Limit.TOKENS_PER_MINUTE) if self.tells else None,
            )
        quota.count(now_ns, len(texts), tokens, self.settings)
        self.admitted.append(Admission(now_ns / SECOND_NS, len(texts), tokens))
        await anyio.sleep(self.latency)
        return Answer(np.tile(np.array([0.6, 0.8], np.float32), (len(texts), 1)), None)

    async def serve_others(self) -> None:
        """What the other programs send, evenly."""
        while self.others:
            await anyio.sleep(1.0)
            now_ns = self._now_ns()
            quota, texts = self._counting(now_ns), self.others // 60
            if quota.check(now_ns, texts, texts, self.settings) is None:
                quota.count(now_ns, texts, texts, self.settings)


@dataclass(frozen=True, slots=True)
class Drive:
    """What came of a drive; times are seconds from its beginning."""

    admitted: list[Admission]
    refused: list[float]
    quota: Quota
    events: list[Event]

    def texts_between(self, begin: float, end: float) -> int:
        return sum(each.texts for each in self.admitted if begin <= each.at < end)

    def tokens_between(self, begin: float, end: float) -> int:
        return sum(each.tokens for each in self.admitted if begin <= each.at < end)

    def least_window(self, begin: float, end: float) -> int:
        """The texts of the emptiest minute that begins in between and ends before ``end``."""
        times = [each.at for each in self.admitted]
        sums = [0, *accumulate(each.texts for each in self.admitted)]

        def between(start: float) -> int:
            first, last = bisect_right(times, start), bisect_left(times, start + WINDOW)
            return sums[last] - sums[first]

        starts = [begin, *(at for at in times if begin <= at <= end - WINDOW)]
        return min(between(at) for at in starts)

    def seconds_for(self, texts: int) -> float:
        """When that many had been let through; infinite if they never were."""
        sums = list(accumulate(each.texts for each in self.admitted))
        index = bisect_left(sums, texts)
        return self.admitted[index].at if index < len(sums) else math.inf

    def refused_between(self, begin: float, end: float) -> int:
        return sum(begin <= at < end for at in self.refused)

    @property
    def peak_texts(self) -> int:
        return peak([(each.at, each.texts) for each in self.admitted], WINDOW)

    @property
    def peak_tokens(self) -> int:
        return peak([(each.at, each.tokens) for each in self.admitted], WINDOW)


def drive(
    service: CountingService,
    limits: QuotaLimits,
    *,
    minutes: float,
    to_find: frozenset[str] = frozenset(),
    estimated: EstimatedQuota | None = None,
    workers: int = 8,
    most: int = 100,
    changes: dict[float, SimulatorSettings] | None = None,
    estimate: Callable[[int], int] = lambda tokens: tokens,
) -> Drive:
    """Endless demand for so many minutes, by as many workers as usual.

    ``changes``: minutes at which the service gets other settings. ``estimate``: the tokens we
    take a text for that has so many.
    """

    async def run() -> Drive:
        loop = asyncio.get_running_loop()
        begin, events = loop.time(), list[Event]()
        bus, stop = EventBus(), Stop()
        bus.subscribe(events.append)
        quota = Quota(limits, bus, to_find=to_find, estimated=estimated)
        embedder = RetryingEmbedder(
            service,
            Account(quota),
            stop,
            bus,
            give_up_after=1e9,
            jitter=random.Random(3).uniform,
        )
        tokens = estimate(service.tokens_a_text)

        async def work() -> None:
            while True:
                texts, most_tokens = quota.best_batch
                size = max(1, min(texts or most, (most_tokens or most * tokens) // tokens, most))
                await embedder.embed(["text"] * size, size * tokens)

        async def change() -> None:
            for minute, settings in sorted((changes or {}).items()):
                await anyio.sleep(begin + minute * 60 - loop.time())
                service.settings = settings

        with anyio.move_on_after(minutes * 60):
            async with anyio.create_task_group() as group:
                for _ in range(workers):
                    group.start_soon(work)
                group.start_soon(change)
                group.start_soon(service.serve_others)
        admitted = [
            Admission(each.at - begin, each.texts, each.tokens) for each in service.admitted
        ]
        return Drive(admitted, [at - begin for at in service.refused], quota, events)

    return run_virtual(run)
