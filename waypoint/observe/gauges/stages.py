"""Where the time of each stage goes, and how full the streams between them are.

A stage is one coroutine or several alike; its seconds are those of all of them together
(worker-seconds), so that eight workers in calls for one second are eight seconds of it. At
any moment a worker waits for input, waits for room in an output, or is busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from waypoint.observe.gauges.snapshots import PipelineSnapshot, StageSnapshot, StreamSnapshot

Clock = Callable[[], float]
"""Monotonic seconds."""

Depth = Callable[[], int]
"""Messages in a stream now."""


class _Meter:
    """Worker-seconds during which a number of workers were in one state."""

    __slots__ = ("_clock", "_seconds", "_since", "most_workers", "workers")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock()
        self._seconds = 0.0
        self.workers = self.most_workers = 0

    def seconds(self, now: float) -> float:
        """Up to now: a wait that has not ended yet counts as well."""
        return self._seconds + self.workers * (now - self._since)

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """One worker more is in this state for as long as the context is open."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def _change(self, workers: int) -> None:
        now = self._clock()
        self._seconds = self.seconds(now)
        self._since = now
        self.workers += workers
        self.most_workers = max(self.most_workers, self.workers)


class StageGauge:
    """A stage's counters; changed by the event loop's thread alone."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.items_in = 0
        self.items_out = 0
        self._clock = clock
        self._alive, self._input, self._room = (_Meter(clock) for _ in range(3))
        self._activities: dict[str, _Meter] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """One worker of the stage runs, and what it is ``doing`` counts for this stage."""
        token = _stage.set(self)
        try:
            with self._alive.one_more():
                yield
        finally:
            _stage.reset(token)

    def waiting_for_input(self) -> AbstractContextManager[None]:
        return self._input.one_more()

    def waiting_for_room(self) -> AbstractContextManager[None]:
        return self._room.one_more()

    def doing(self, activity: str) -> AbstractContextManager[None]:
        meter = self._activities.get(activity)
        if meter is None:
            meter = self._activities[activity] = _Meter(self._clock)
        return meter.one_more()

    def snapshot(self, now: float) -> StageSnapshot:
        waiting, blocked = self._input.seconds(now), self._room.seconds(now)
        return StageSnapshot(
            self.name,
            self._alive.workers,
            self._alive.most_workers,
            # Three clock readings in a row: rounding must not make it less than nothing.
            max(0.0, self._alive.seconds(now) - waiting - blocked),
            waiting,
            blocked,
            self.items_in,
            self.items_out,
            {name: meter.seconds(now) for name, meter in self._activities.items()},
        )


class StreamGauge:
    """A stream's counters."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.capacity = 0
        self.messages = 0
        self.items = 0
        self._depth: Depth = lambda: 0

    def watch(self, capacity: int, depth: Depth) -> None:
        """Ask this stream from now on: an attempt after a repair has streams of its own."""
        self.capacity = capacity
        self._depth = depth

    def snapshot(self) -> StreamSnapshot:
        return StreamSnapshot(self.name, self._depth(), self.capacity, self.messages, self.items)


class Gauges:
    """All gauges of a run. Stages and streams appear in the order they are first asked for."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._stages: dict[str, StageGauge] = {}
        self._streams: dict[str, StreamGauge] = {}

    def stage(self, name: str) -> StageGauge:
        """The stage's gauge; the same one for all its workers."""
        if name not in self._stages:
            self._stages[name] = StageGauge(name, self._clock)
        return self._stages[name]

    def stream(self, name: str) -> StreamGauge:
        """The stream's gauge."""
        if name not in self._streams:
            self._streams[name] = StreamGauge(name)
        return self._streams[name]

    def snapshot(self) -> PipelineSnapshot:
        """All counters as they stand; empty until the pipeline begins."""
        now = self._clock()
        return PipelineSnapshot(
            now,
            tuple(stage.snapshot(now) for stage in self._stages.values()),
            tuple(stream.snapshot() for stream in self._streams.values()),
        )


_stage: ContextVar[StageGauge | None] = ContextVar("stage", default=None)


def doing(activity: str) -> AbstractContextManager[None]:
    """``with doing("ledger"): …`` counts the time for the stage whose task this is.

    Outside of a stage it counts for nobody. What waits for the disk or a server need not
    know who is waiting for it.
    """
    stage = _stage.get()
    return nullcontext() if stage is None else stage.doing(activity)


@contextmanager
def doing_for_nobody() -> Iterator[None]:
    """What is done in the context counts for no stage: a task that its stage waits for."""
    token = _stage.set(None)
    try:
        yield
    finally:
        _stage.reset(token)
