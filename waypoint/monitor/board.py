"""The board: everything that is shown of a run, gathered from events, gauges and quota."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from waypoint.embedding.rate_limit import QuotaState
from waypoint.monitor.health import Health, HealthWatch, Status
from waypoint.monitor.history import History
from waypoint.monitor.outlook import Facts, Outlook, Range, look_ahead
from waypoint.monitor.sources import Sources
from waypoint.monitor.tally import Tally
from waypoint.monitor.words import what_it_does
from waypoint.observe import events
from waypoint.observe.gauges import PipelineSnapshot, StageSnapshot
from waypoint.observe.gauges.binding import binding_stage, stage_between
from waypoint.observe.gauges.process import process_use
from waypoint.observe.run_state import RunState

LATELY = 10
"""Looks, one a second, over which stages are said to be busy or to bind."""

STICKY = 3.0
"""Seconds for which a wait for quota is shown after it was last seen: between two calls it
is interrupted all the time."""


class Board:
    """Listens to the run, looks at it once a second, and tells how it stands."""

    def __init__(self, sources: Sources, clock: Callable[[], float] = time.monotonic) -> None:
        self.sources = sources
        self.tally = Tally(clock)
        self.state = RunState(clock)
        self.history = History()
        self.ended = False
        self._clock = clock
        self._watch = HealthWatch(sources.stall_after, clock)
        self._lately: deque[PipelineSnapshot] = deque(maxlen=LATELY + 1)
        self._quota_wait: tuple[float, QuotaState] | None = None

    def __call__(self, event: events.Event) -> None:
        self.tally(event)
        self.state.take(event)
        self.ended = self.ended or isinstance(event, events.RunEnded)

    @property
    def snapshot(self) -> PipelineSnapshot:
        """As of the last look."""
        return self._lately[-1] if self._lately else PipelineSnapshot(0.0)

    def look(self) -> None:
        """Take in how the run stands."""
        snapshot = self.sources.gauges.snapshot()
        self._lately.append(snapshot)
        quota = self.sources.quota()
        if quota is not None and quota.waiting_for:
            self._quota_wait = self._clock(), quota
        waiting = quota is not None and bool(quota.waiting_for)
        waiting = waiting or self.tally.day_until is not None
        self._watch.look(snapshot, self.tally.moves, waiting=waiting)
        limit = quota.rpm / 60 if quota is not None and quota.rpm else None
        self.history.add(self.state.seconds, self.sources.report.texts_paid, limit)

    def health(self) -> Health:
        """As of the last look."""
        if self.ended:
            return Health(Status.ENDED)
        return self._watch.health(self.tally.failure)

    def time_before(self, seconds: float) -> str:
        """When it was so many seconds ago: ISO 8601, UTC."""
        return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat("T", "seconds")

    def outlook(self) -> Outlook:
        """What is to come; while the run hangs or sleeps, nobody can say when."""
        outlook = self._outlook()
        if not self.health().good:
            return replace(outlook, seconds=None, sure="unknown", why="the run hangs")
        if self.tally.day_until is not None:
            why = "the run waits for the day's quota"
            return replace(outlook, seconds=None, sure="unknown", why=why)
        return outlook

    def _outlook(self) -> Outlook:
        report, state, tally = self.sources.report, self.state, self.tally
        chunks, calling = report.chunks, self.tally.calling_since
        looked_up = ("present", "from_ledger", "same_text", "to_pay", "refused_before")
        span = self._clock() - calling if calling is not None else 0.0
        quota = self.sources.quota()
        return look_ahead(
            Facts(
                uncut=self._uncut(),
                cut=state.chunks_cut,
                looked_up=sum(chunks[name] for name in looked_up),
                to_pay=max(0, chunks["to_pay"] - chunks["rejected"] + chunks["refused_before"]),
                paid=report.texts_paid,
                cost=report.cost_usd,
                calls=report.calls["answered"],
                pace=tally.pace(),
                mean_pace=report.texts_paid / span if span > 0 else 0.0,
                rpm=quota.rpm if quota else 0,
                day_left=max(0, quota.rpd - quota.texts_today) if quota and quota.rpd else None,
            )
        )

    def _uncut(self) -> Range | None:
        chunk = self.snapshot.stage("chunk")
        if chunk is not None and chunk.most_workers and not chunk.workers:
            return Range(0.0, 0.0)
        state = self.state
        if not state.total_bytes:
            return None
        return self.tally.sums.expect(
            state.total_bytes - state.unchanged_bytes - state.chunked_bytes
        )

    # -- what the page shows ---------------------------------------------------------------

    def view(self) -> dict[str, Any]:
        """Everything that changes, as JSON."""
        report, tally, health = self.sources.report, self.tally, self._shown_health()
        quota, snapshot = self.sources.quota(), self.snapshot
        before = self._lately[0] if self._lately else snapshot
        binding = binding_stage(before, snapshot)
        outlook = self.outlook()
        return {
            "run": self._run(),
            "seconds": round(self.state.seconds, 1),
            "health": asdict(health),
            "doing": what_it_does(
                health,
                self._quota_wait[1] if self._quota_wait else None,
                binding,
                day_until=tally.day_until,
                draining=tally.draining,
            ),
            "share": self.state.share,
            "outlook": asdict(outlook),
            "files": self.state.total_files,
            "documents": report.documents,
            "chunks": report.chunks,
            "settled": self.state.chunks_settled,
            "paid": {
                "texts": report.texts_paid,
                "tokens": report.tokens_paid,
                "usd": report.cost_usd,
            },
            "tokens_saved": tally.tokens_saved,
            "pace": tally.pace(),
            "quota": asdict(quota) if quota else None,
            "calls": report.calls,
            "calls_in_flight": tally.calls_in_flight,
            "retries": report.retries_by_reason,
            "stages": [
                _stage(before.stage(stage.name), stage, snapshot.at - before.at, binding.stage)
                for stage in snapshot.stages
            ],
            "streams": [asdict(stream) for stream in snapshot.streams],
            "latest": {
                "documents": [asdict(done) for done in tally.documents],
                "rejects": [asdict(reject) for reject in tally.rejects],
                "warnings": [asdict(warned) for warned in tally.warnings],
            },
            "process": asdict(process_use()),
        }

    def end(self) -> dict[str, Any]:
        """The report's figures, once the run has ended."""
        report = self.sources.report
        names = ("run_id", "seconds", "exit_code", "message", "hint", "documents", "chunks",
                 "texts_paid", "tokens_paid", "cost_usd", "calls", "standing_rejects",
                 "rejects_file")  # fmt: skip
        return {name: getattr(report, name) for name in names}

    def points(self, index: int) -> dict[str, Any]:
        """The history's complete points from that one on."""
        points = self.history.since(index)
        return {"from": max(0, index), "points": [[point.texts, point.limit] for point in points]}

    def _shown_health(self) -> Health:
        """A wait for quota that was seen a moment ago goes on, for people."""
        health = self.health()
        if health.status is Status.RUNNING and self._quota_wait is not None:
            since, _ = self._quota_wait
            if self._clock() - since <= STICKY:
                return replace(health, status=Status.WAITING)
        return health

    def _run(self) -> dict[str, Any]:
        report = self.sources.report
        names = ("run_id", "started", "collection", "provider", "model", "dimensions",
                 "knowledge_base", "concurrency")  # fmt: skip
        return {name: getattr(report, name) for name in names}


def _stage(
    before: StageSnapshot | None, after: StageSnapshot, seconds: float, binds: str | None
) -> dict[str, Any]:
    """A stage of late: what its workers spend their time on, as shares of it."""
    spent = stage_between(before, after)
    time = max(1e-9, seconds * after.most_workers)
    return {
        "name": after.name,
        "workers": after.workers,
        "most_workers": after.most_workers,
        "busy": min(1.0, spent.busy / time),
        "waiting_for_input": min(1.0, spent.waiting_for_input / time),
        "waiting_for_room": min(1.0, spent.waiting_for_room / time),
        "items": after.items_in or after.items_out,
        "binds": after.name == binds,
    }
