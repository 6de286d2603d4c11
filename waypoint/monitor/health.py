"""Whether a run gets on, and if not, which stage stands still, since when and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from waypoint.observe.gauges import PipelineSnapshot, StageSnapshot
from waypoint.observe.gauges.binding import causes_of, stage_between
from waypoint.observe.run_state import duration

MOST_GAP = 5.0
"""Seconds that count between two looks, at most: in a longer gap it was us who stood still."""

_CAUSES = {
    "call": "calls to the service are not answered",
    "connect": "the service cannot be reached",
    "ledger": "the ledger's disk does not answer",
    "store": "Chroma does not answer",
    "quota": "it waits for quota",
    "budget": "it waits for calls that may give back their share of the budget",
    "backoff": "it waits after failed calls",
    "slot": "it waits for other calls to end",
    "its own work": "its own work does not end",
}


class Status(StrEnum):
    """What a run is about."""

    STARTING = "starting"
    """Store and ledger are being opened, or mended; no stage runs yet."""
    RUNNING = "running"
    WAITING = "waiting"
    """For quota: nothing is wrong."""
    HUNG = "hung"
    FINISHING = "finishing"
    """The stages have ended; what vanished from the folder is removed."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Health:
    """How a run is."""

    status: Status
    stage: str = ""
    """That stands still; only of one that hangs."""
    still_for: float = 0.0
    """Seconds without movement, waits for quota left out."""
    why: str = ""

    @property
    def good(self) -> bool:
        return self.status is not Status.HUNG


class HealthWatch:
    """Looks at the pipeline now and then, and remembers when it last moved.

    Args:
        stall_after: seconds without movement, waits for quota left out, from which on a run
            is taken to hang.
    """

    def __init__(self, stall_after: float, clock: Callable[[], float]) -> None:
        self.stall_after = stall_after
        self._clock = clock
        self._looked_at = clock()
        self._still_for = 0.0
        self._signature: Any = None
        self._moved = PipelineSnapshot(0.0)
        self._now = PipelineSnapshot(0.0)
        self._waiting = False

    def look(self, snapshot: PipelineSnapshot, moves: int, *, waiting: bool) -> None:
        """Take in how it stands.

        Args:
            moves: events so far that show that work gets done.
            waiting: for quota, or for the day's.
        """
        now = self._clock()
        passed, self._looked_at = min(MOST_GAP, now - self._looked_at), now
        self._now, self._waiting = snapshot, waiting
        signature = _signature(snapshot, moves)
        if signature != self._signature:
            self._signature, self._moved, self._still_for = signature, snapshot, 0.0
        elif not waiting and _runs(snapshot):
            self._still_for += passed

    def health(self, failure: str = "") -> Health:
        """``failure``: the last one since something moved."""
        if not _runs(self._now):
            return Health(Status.FINISHING if self._now.stages else Status.STARTING)
        if self._waiting:
            return Health(Status.WAITING, still_for=self._still_for)
        if self._still_for < self.stall_after:
            return Health(Status.RUNNING, still_for=self._still_for)
        stage, cause = self._culprit()
        still = f"moved for {duration(self._still_for)}"
        why = f"{stage} has not {still}: {cause}" if stage else f"no stage has {still}"
        if failure:
            why += f"; the last failure: {failure}"
        return Health(Status.HUNG, stage, self._still_for, why)

    def _culprit(self) -> tuple[str, str]:
        """The last stage on the data's way that is busy: those before it wait for room in it."""
        least = (self._now.at - self._moved.at) / 2
        for stage in reversed(self._now.stages):
            spent = stage_between(self._moved.stage(stage.name), stage)
            if stage.workers and spent.busy >= least:
                causes = causes_of(spent)
                cause = max(causes, key=lambda name: causes[name])
                return stage.name, _CAUSES.get(cause, cause)
        return "", ""


def _runs(snapshot: PipelineSnapshot) -> bool:
    return any(stage.workers for stage in snapshot.stages)


def _signature(snapshot: PipelineSnapshot, moves: int) -> Any:
    stages: list[StageSnapshot] = list(snapshot.stages)
    return moves, [(stage.items_in, stage.items_out, stage.workers) for stage in stages]
