"""What the gauges show: frozen, so that it can be kept and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

OWN_WORK = "its own work"
"""What a stage does while it is busy and waits for nothing."""


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

    @property
    def causes(self) -> dict[str, float]:
        """What the busy seconds were spent on; they add up to them."""
        return {**self.doing, OWN_WORK: max(0.0, self.busy - sum(self.doing.values()))}

    @property
    def main_cause(self) -> str:
        """What most of the busy seconds were spent on."""
        causes = self.causes
        return max(causes, key=lambda cause: causes[cause])

    def since(self, before: StageSnapshot | None) -> StageSnapshot:
        """The counters between two snapshots; ``before`` is None if there was none yet."""
        if before is None:
            return self
        return replace(
            self,
            busy=self.busy - before.busy,
            waiting_for_input=self.waiting_for_input - before.waiting_for_input,
            waiting_for_room=self.waiting_for_room - before.waiting_for_room,
            items_in=self.items_in - before.items_in,
            items_out=self.items_out - before.items_out,
            doing={name: spent - before.doing.get(name, 0.0) for name, spent in self.doing.items()},
        )


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


@dataclass(frozen=True, slots=True)
class QuotaState:
    """What is used of each limit; a limit of 0 is none."""

    texts_in_minute: int
    rpm: int
    tokens_in_minute: int
    tpm: int
    texts_today: int
    rpd: int
    waiting_for: str
    """``texts``, ``tokens``, ``service`` (it said to wait), or empty."""
    margin: float
    """Seconds that the pace keeps clear, since arrivals vary."""
