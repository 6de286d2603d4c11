"""The status of a run beside a test, with a run that is told by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from waypoint.monitor.view import view_of
from waypoint.observe import events
from waypoint.observe.gauges import Gauges, QuotaState
from waypoint.observe.progress import Progress
from waypoint.observe.status import RunStatus

QUOTA = QuotaState(2_910, 3_000, 240_000, 1_000_000, 2_910, 0, "", 0.6)


@dataclass
class ToldRun:
    """Its events are counted as in a real run."""

    now: float = 1_000.0
    quota: QuotaState | None = None
    stall_after: float = 90.0
    gauges: Gauges = field(init=False)
    progress: Progress = field(init=False)
    status: RunStatus = field(init=False)

    def __post_init__(self) -> None:
        self.gauges = Gauges(self.clock)
        self.progress = Progress(self.clock)
        self.status = RunStatus(
            self.progress, self.gauges, lambda: self.quota, self.stall_after, self.clock
        )
        self.tell(events.RunStarted("r1", "kb", "gemini", "gemini-embedding-001", 768, "/kb", 8))

    def clock(self) -> float:
        return self.now

    def tell(self, *told: events.Event) -> None:
        for event in told:
            self.progress(event)

    def view(self) -> dict[str, Any]:
        """What the page is told after another look."""
        self.status.look()
        return view_of(self.status)

    def pass_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.status.look()


SOME_WORK: tuple[events.Event, ...] = (
    events.Surveyed(4, 4_000),
    events.FilesFound(4, 4_000, 1, 1_000),
    events.DocumentsFound(4, 4),
    events.DocumentRejected("a/bad.md", "not valid UTF-8 at byte 2", "convert it"),
    events.DocumentChunked("a/b.md", 1_000, 100, 990),
    events.DocumentChunked("a/c.md", 1_000, 100, 990),
    events.ChunksDeduplicated(
        present=10, from_ledger=20, same_text=5, to_embed=165, tokens_saved=3_500
    ),
    events.CallStarted(100, 8_000, 1),
    events.CallEnded(100, 503, 0.2),
    events.CallFailed("503 UNAVAILABLE", 503, 0.5, 1),
    events.CallStarted(100, 8_000, 2),
    events.CallEnded(100, 200, 0.3),
    events.CallAnswered(100, 8_000, 0.3),
    events.TextsEmbedded(100, 8_000, 0.0012),
    events.ChunksWritten(100, 3, 2, 0.4),
    events.StoreRetried("write chunks", "ConnectError", 0.2),
    events.StoreRecovered("write chunks", 0.3),
    events.DocumentCompleted("a/b.md", 100, 1_000, 2.5),
)
