"""How a run stands: its progress, its gauges and its quota, taken together once a second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from waypoint.observe.gauges import Gauges, PipelineSnapshot, QuotaState
from waypoint.observe.gauges.bottleneck import Bottleneck, find_bottleneck
from waypoint.observe.health import Health, HealthWatch, Status
from waypoint.observe.outlook import Facts, Outlook, Range, look_ahead
from waypoint.observe.progress import Progress

LOOK_INTERVAL = 1.0
"""Seconds between two looks."""

LATELY = 10
"""Looks over which stages are said to be busy, or to be the bottleneck."""

STICKY = 3.0
"""Seconds for which a wait for quota is shown after it was last seen: between two calls it
is interrupted all the time."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the run stood at one look."""

    health: Health
    doing: str
    """What it is about, in one sentence."""
    rate: float
    """Texts embedded a second, over the last minute."""
    outlook: Outlook
    quota: QuotaState | None
    """None before the quota is known."""
    before: PipelineSnapshot
    """Of ten looks ago, or of the first."""
    pipeline: PipelineSnapshot
    bottleneck: Bottleneck


class RunStatus:
    """What all views of a run under way show.

    Args:
        quota: None before the quota is known.
        stall_after: seconds without movement after which the run counts as stalled.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        progress: Progress,
        gauges: Gauges,
        quota: Callable[[], QuotaState | None],
        stall_after: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.progress = progress
        self.stall_after = stall_after
        self._gauges = gauges
        self._quota = quota
        self._clock = clock
        self._watch = HealthWatch(stall_after, clock)
        self._lately: deque[PipelineSnapshot] = deque(maxlen=LATELY + 1)
        self._quota_wait: tuple[float, QuotaState] | None = None
        self.now = self.look()
        """As of the last look."""

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look once a second for as long as the context is open."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_looking)
            yield
            group.cancel_scope.cancel()

    async def _keep_looking(self) -> None:
        while True:
            self.look()
            await anyio.sleep(LOOK_INTERVAL)

    def look(self) -> Standing:
        """Take in how the run stands."""
        pipeline, quota = self._gauges.snapshot(), self._quota()
        self._lately.append(pipeline)
        if quota is not None and quota.waiting_for:
            self._quota_wait = self._clock(), quota
        waiting = quota is not None and bool(quota.waiting_for)
        waiting = waiting or self.progress.day_until is not None
        self._watch.look(pipeline, self.progress.moves, waiting=waiting)
        health = self._health()
        bottleneck = find_bottleneck(self._lately[0], pipeline)
        self.now = Standing(
            health,
            self._doing(health, bottleneck),
            self.progress.rate.recent,
            self._outlook(health, pipeline, quota),
            quota,
            self._lately[0],
            pipeline,
            bottleneck,
        )
        return self.now

    def _health(self) -> Health:
        if self.progress.ended:
            return Health(Status.ENDED)
        health = self._watch.health(self.progress.failure)
        outage = self.progress.outage
        if outage and health.status in (Status.RUNNING, Status.WAITING):
            return replace(health, status=Status.FAILING, why=str(outage))
        if health.status is Status.FINISHING and self.progress.awaited is not None:
            return replace(health, status=Status.WAITING)
        if health.status is Status.RUNNING and self._quota_wait is not None:
            since, _ = self._quota_wait
            if self._clock() - since <= STICKY:
                return replace(health, status=Status.WAITING)
        return health

    def _doing(self, health: Health, bottleneck: Bottleneck) -> str:
        """One sentence, the most urgent matter first."""
        progress = self.progress
        if health.status is Status.STALLED:
            return f"stalled: {health.why}"
        if health.status is Status.ENDED:
            return "ended"
        if health.status is Status.FAILING and not progress.draining:
            return health.why
        if progress.draining:
            return f"stopping ({progress.draining}): finishing what is in flight"
        if progress.awaited is not None:
            awaited = progress.awaited
            return f"waiting for {awaited.jobs:,} batch jobs with {awaited.texts:,} texts"
        if health.status is Status.STARTING:
            return "getting ready: opening the store and the ledger, looking at the folder"
        if health.status is Status.FINISHING:
            return "finishing: removing what is gone from the folder"
        if progress.day_until is not None:
            until = progress.day_until.isoformat(" ", "minutes").replace("+00:00", " UTC")
            return f"waiting for the day's quota: more texts at {until}"
        if health.status is Status.WAITING and self._quota_wait is not None:
            return paced_by_quota(self._quota_wait[1])
        return str(bottleneck)

    def _outlook(
        self, health: Health, pipeline: PipelineSnapshot, quota: QuotaState | None
    ) -> Outlook:
        """What is to come; while the run is stalled or waits for the day, nobody can say when."""
        outlook = look_ahead(self._facts(pipeline, quota))
        if not health.good:
            why = f"the run is {health.status}"
            return replace(outlook, seconds=None, sure="unknown", why=why)
        if self.progress.day_until is not None:
            why = "the run waits for the day's quota"
            return replace(outlook, seconds=None, sure="unknown", why=why)
        if self.progress.awaited is not None:
            why = "the run waits for batch jobs"
            return replace(outlook, seconds=None, sure="unknown", why=why)
        return outlook

    def _facts(self, pipeline: PipelineSnapshot, quota: QuotaState | None) -> Facts:
        progress, report = self.progress, self.progress.report
        chunks, texts = report.chunks, report.texts_embedded
        return Facts(
            uncut=self._uncut(pipeline),
            cut=chunks["cut"],
            looked_up=progress.looked_up,
            to_embed=max(0, chunks["to_embed"] - chunks["rejected"] + chunks["refused_before"]),
            embedded=progress.embedded,
            cost_each=report.cost_usd / texts if texts else None,
            calls=report.calls["answered"],
            rate=progress.rate.recent,
            mean_rate=progress.rate.mean,
            rpm=quota.rpm if quota else 0,
            day_left=max(0, quota.rpd - quota.texts_today) if quota and quota.rpd else None,
        )

    def _uncut(self, pipeline: PipelineSnapshot) -> Range | None:
        chunk = pipeline.stage("chunk")
        if chunk is not None and chunk.most_workers and not chunk.workers:
            return Range(0.0, 0.0)
        left = self.progress.bytes_left
        return None if left is None else self.progress.sums.expect(left)


def paced_by_quota(quota: QuotaState) -> str:
    """Which limit is waited for, and how far it is used."""
    match quota.waiting_for:
        case "tokens":
            used, limit, unit = quota.tokens_in_minute, quota.tpm, "tokens"
        case "service":
            return "embedding, paced by quota: the service said to wait (429)"
        case _:
            used, limit, unit = quota.texts_in_minute, quota.rpm, "texts"
    return f"embedding, paced by quota: {used:,} of {limit:,} {unit} this minute"
