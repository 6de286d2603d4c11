"""What the gauges show: frozen, so that it may be kept and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageSnapshot:
    """A stage since the run began. Times are worker-seconds."""

    name: str
    workers: int
    """Coroutines of it that run now."""
    most_workers: int
    """The most that ran at once."""
    busy: float
    waiting_for_input: float
    waiting_for_room: float
    items_in: int
    """Received: files, documents, chunks, texts or rows, whatever the stream before it holds."""
    items_out: int
    doing: Mapping[str, float]
    """What it waited for while busy, where that is told: ``connect``, ``quota``, ``call``,
    ``backoff``, ``slot``, ``ledger``, ``store``. The rest is its own work."""

    @property
    def alive(self) -> float:
        """Worker-seconds of all kinds."""
        return self.busy + self.waiting_for_input + self.waiting_for_room


@dataclass(frozen=True, slots=True)
class StreamSnapshot:
    """A stream between two stages."""

    name: str
    depth: int
    """Messages in it now."""
    capacity: int
    """Most messages it holds; 0 for one that hands over from sender to receiver."""
    messages: int
    """Received since the run began."""
    items: int
    """What was in those messages."""


@dataclass(frozen=True, slots=True)
class PipelineSnapshot:
    """The pipeline at one moment; stages and streams in the order of the data's way."""

    at: float
    """Seconds of the gauges' clock."""
    stages: tuple[StageSnapshot, ...] = ()
    streams: tuple[StreamSnapshot, ...] = ()

    def stage(self, name: str) -> StageSnapshot | None:
        """The stage of that name, if there is one yet."""
        return next((stage for stage in self.stages if stage.name == name), None)
