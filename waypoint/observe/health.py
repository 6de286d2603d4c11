"""Whether a run gets on, and if not, which stage is stalled, since when and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from waypoint.observe.gauges import PipelineSnapshot
from waypoint.observe.gauges.bottleneck import cause_of
from waypoint.observe.terminal import duration

MOST_GAP = 5.0
"""Seconds that count between two looks, at most: in a longer gap it was us who stood still."""


class Status(StrEnum):
    """What a run is about."""

    STARTING = "starting"
    """Store and ledger are being opened, or repaired; no stage runs yet."""
    RUNNING = "running"
    WAITING = "waiting"
    """For quota: nothing is wrong."""
    FAILING = "failing"
    """The service, or Chroma, gives no good answer; it is asked again and again."""
    STALLED = "stalled"
    FINISHING = "finishing"
    """The stages have ended; what vanished from the folder is removed."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Health:
    """How a run is."""

    status: Status
    stage: str = ""
    """The one that is stalled."""
    stalled_for: float = 0.0
    """Seconds since anything moved, waits for quota left out."""
    why: str = ""

    @property
    def good(self) -> bool:
        return self.status not in (Status.STALLED, Status.FAILING)


class HealthWatch:
    """Looks at the pipeline now and then, and remembers when it last moved.

    Args:
        stall_after: seconds without movement, waits for quota left out, after which a run
            counts as stalled.
    """

    def __init__(self, stall_after: float, clock: Callable[[], float]) -> None:
        self.stall_after = stall_after
        self._clock = clock
        self._looked_at = clock()
        self._stalled_for = 0.0
        self._signature: Any = None
        self._moved = PipelineSnapshot(0.0)
        self._now = PipelineSnapshot(0.0)
        self._waiting = False

    def look(self, snapshot: PipelineSnapshot, moves: int, *, waiting: bool) -> None:
        """Take in how the pipeline stands.

        Args:
            moves: events so far that show that work gets done.
            waiting: for quota, or for the day's.
        """
        now = self._clock()
        passed, self._looked_at = min(MOST_GAP, now - self._looked_at), now
        self._now, self._waiting = snapshot, waiting
        signature = _signature(snapshot, moves)
        if signature != self._signature:
            self._signature, self._moved, self._stalled_for = signature, snapshot, 0.0
        elif not waiting and _runs(snapshot):
            self._stalled_for += passed

    def health(self, failure: str = "") -> Health:
        """``failure``: the last one since something moved."""
        if not _runs(self._now):
            return Health(Status.FINISHING if self._now.stages else Status.STARTING)
        if self._waiting:
            return Health(Status.WAITING, stalled_for=self._stalled_for)
        if self._stalled_for < self.stall_after:
            return Health(Status.RUNNING, stalled_for=self._stalled_for)
        stage, cause = self._culprit()
        since = f"moved for {duration(self._stalled_for)}"
        why = f"{stage} has not {since}: {cause}" if stage else f"no stage has {since}"
        if failure:
            why += f"; the last failure: {failure}"
        return Health(Status.STALLED, stage, self._stalled_for, why)

    def _culprit(self) -> tuple[str, str]:
        """The last stage on the data's way that is busy: those before it wait for room in it."""
        least = (self._now.at - self._moved.at) / 2
        for stage in reversed(self._now.stages):
            spent = stage.since(self._moved.stage(stage.name))
            if stage.workers and spent.busy >= least:
                return stage.name, cause_of(spent.main_cause).stalled
        return "", ""


def _runs(snapshot: PipelineSnapshot) -> bool:
    return any(stage.workers for stage in snapshot.stages)


def _signature(snapshot: PipelineSnapshot, moves: int) -> Any:
    return moves, [(stage.items_in, stage.items_out, stage.workers) for stage in snapshot.stages]
