"""What a run's events say beyond its report: latencies, the latest of everything, movement."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import singledispatchmethod
from typing import Any

from waypoint.monitor.histogram import Histogram
from waypoint.monitor.outlook import DocumentSums
from waypoint.observe import events

LATEST = 12
"""Documents, rejects and warnings that are shown."""

PACE_WINDOW = 60.0
"""Seconds over which the pace of late is taken: a quota's own."""

CALL_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
WRITE_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DELAY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

_MOVES = (
    events.RunStarted,
    events.Surveyed,
    events.FilesFound,
    events.DocumentUnchanged,
    events.DocumentRejected,
    events.DocumentChunked,
    events.ChunksDeduplicated,
    events.CallAnswered,
    events.TextsEmbedded,
    events.TextRejected,
    events.ChunksWritten,
    events.DocumentCompleted,
    events.DocumentRemoved,
)
"""What shows that work gets done. A call that is sent or fails is none of it."""


@dataclass(frozen=True, slots=True)
class DoneDocument:
    """A document that was stored."""

    at: str
    """ISO 8601, UTC."""
    source: str
    chunks: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reject:
    """What was rejected, a document or a chunk of it."""

    at: str
    source: str
    chunk: str
    """Empty for a whole document."""
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """What a document lost, or what is odd about it."""

    source: str
    warning: str


class Tally:
    """Listens to a run.

    Args:
        clock: monotonic seconds; now: the wall clock, in UTC.
    """

    def __init__(
        self, clock: Callable[[], float], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._clock = clock
        self._now = now
        self.call_seconds = Histogram(CALL_BOUNDS)
        self.write_seconds = Histogram(WRITE_BOUNDS)
        self.loop_delay = Histogram(DELAY_BOUNDS)
        self.calls_by_status: Counter[str] = Counter()
        self.store_retries = 0
        self.calls_in_flight = 0
        self.tokens_saved = 0
        self.moves = 0
        self.failure = ""
        """The last one since something moved."""
        self.documents: deque[DoneDocument] = deque(maxlen=LATEST)
        self.rejects: deque[Reject] = deque(maxlen=LATEST)
        self.warnings: deque[Warned] = deque(maxlen=LATEST)
        self.sums = DocumentSums()
        self.calling_since: float | None = None
        self.draining = ""
        self._day_until: datetime | None = None
        self._paid: deque[tuple[float, int]] = deque()

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, _MOVES):
            self.moves += 1
            self.failure = ""
        self._take(event)

    @property
    def day_until(self) -> datetime | None:
        """When the run goes on, if it sleeps for want of the day's quota."""
        until = self._day_until
        return until if until is not None and until > self._now() else None

    def pace(self) -> float:
        """Texts paid a second, over the last minute or what there was of it."""
        if self.calling_since is None:
            return 0.0
        now = self._clock()
        while self._paid and self._paid[0][0] < now - PACE_WINDOW:
            self._paid.popleft()
        span = min(PACE_WINDOW, now - self.calling_since)
        return sum(texts for _, texts in self._paid) / span if span > 0 else 0.0

    def _time(self) -> str:
        return self._now().isoformat("T", "seconds")

    @singledispatchmethod
    def _take(self, _event: Any) -> None:
        """Most events are in the report."""

    @_take.register
    def _(self, _event: events.RunRepeated) -> None:
        self.sums = DocumentSums()
        self.documents.clear()
        self.rejects.clear()
        self.warnings.clear()

    @_take.register
    def _(self, event: events.DocumentChunked) -> None:
        self.sums.add(event.size, event.chunks)

    @_take.register
    def _(self, event: events.ChunksDeduplicated) -> None:
        self.tokens_saved += event.tokens_saved

    @_take.register
    def _(self, _event: events.CallStarted) -> None:
        self.calls_in_flight += 1
        if self.calling_since is None:
            self.calling_since = self._clock()

    @_take.register
    def _(self, event: events.CallEnded) -> None:
        self.calls_in_flight -= 1
        self.call_seconds.add(event.seconds)
        self.calls_by_status["none" if event.status is None else str(event.status)] += 1

    @_take.register
    def _(self, event: events.CallFailed) -> None:
        self.failure = event.reason

    @_take.register
    def _(self, event: events.TextsEmbedded) -> None:
        self._paid.append((self._clock(), event.texts))

    @_take.register
    def _(self, event: events.ChunksWritten) -> None:
        self.write_seconds.add(event.seconds)

    @_take.register
    def _(self, event: events.StoreRetried) -> None:
        self.store_retries += 1
        self.failure = f"{event.operation}: {event.reason}"

    @_take.register
    def _(self, event: events.DocumentCompleted) -> None:
        done = DoneDocument(self._time(), event.source, event.chunks, round(event.seconds, 1))
        self.documents.appendleft(done)

    @_take.register
    def _(self, event: events.DocumentWarning) -> None:
        self.warnings.appendleft(Warned(event.source, event.warning))

    @_take.register
    def _(self, event: events.DocumentRejected) -> None:
        self.rejects.appendleft(Reject(self._time(), event.source, "", event.reason))

    @_take.register
    def _(self, event: events.TextRejected) -> None:
        self.rejects.appendleft(Reject(self._time(), event.source, event.chunk_id, event.reason))

    @_take.register
    def _(self, event: events.WaitingForDailyReset) -> None:
        self._day_until = datetime.fromisoformat(event.until)

    @_take.register
    def _(self, event: events.Draining) -> None:
        self.draining = event.reason
