"""Which stage binds: the one that is busy while those before it wait for room in it and those
after it wait for what it makes."""

from __future__ import annotations

from dataclasses import dataclass

from waypoint.observe.gauges.snapshots import PipelineSnapshot, StageSnapshot

LEAST_SHARE = 0.5
"""A stage that is busy for less of the time than this binds nothing."""

_OWN_WORK = "its own work"

_CAUSES = {
    "call": "the service's answers",
    "connect": "connecting",
    "ledger": "the ledger",
    "store": "Chroma",
    "quota": "the quota",
    "budget": "calls that may give back their share of the budget",
    "backoff": "waits after failures",
    "slot": "a slot among the calls in flight",
    _OWN_WORK: _OWN_WORK,
}


@dataclass(frozen=True, slots=True)
class Binding:
    """What bound the pipeline between two moments."""

    stage: str | None
    """None where no stage was busy for most of the time."""
    share: float
    """How much of the pipeline's time the busiest stage was busy, all its workers; 0 to 1."""
    cause: str
    """What most of that went to: ``call``, ``ledger``, ``store``, ``quota``, ``budget``,
    ``backoff``, ``slot``, ``connect`` or ``its own work``; empty where no stage binds."""
    cause_share: float
    """Of the stage's busy time."""

    def __str__(self) -> str:
        """In words, for people."""
        if self.stage is None:
            return f"no stage binds (the busiest is busy for {self.share:.0%} of the time)"
        what = _CAUSES.get(self.cause, self.cause)
        return (
            f"{self.stage} binds: busy for {self.share:.0%} of the time, "
            f"{self.cause_share:.0%} of that for {what}"
        )


def binding_stage(before: PipelineSnapshot, after: PipelineSnapshot) -> Binding:
    """What bound between two snapshots of one run; ``before`` may be an empty one."""
    spent = [stage_between(before.stage(stage.name), stage) for stage in after.stages]
    # Not of a stage's own time: one that was busy throughout, but soon done, bound nothing.
    seconds = max(
        (stage.alive / stage.most_workers for stage in spent if stage.most_workers), default=0.0
    )
    if seconds <= 0:
        return Binding(None, 0.0, "", 0.0)
    shares = {stage.name: stage.busy / max(1, stage.most_workers) / seconds for stage in spent}
    name = max(shares, key=lambda name: shares[name])
    if shares[name] < LEAST_SHARE:
        return Binding(None, shares[name], "", 0.0)
    stage = next(stage for stage in spent if stage.name == name)
    causes = causes_of(stage)
    cause = max(causes, key=lambda cause: causes[cause])
    return Binding(name, shares[name], cause, min(1.0, causes[cause] / stage.busy))


def causes_of(stage: StageSnapshot) -> dict[str, float]:
    """What a stage's busy seconds went to; they add up to them."""
    causes = dict(stage.doing)
    causes[_OWN_WORK] = max(0.0, stage.busy - sum(stage.doing.values()))
    return causes


def stage_between(before: StageSnapshot | None, after: StageSnapshot) -> StageSnapshot:
    """A stage's counters between two snapshots; ``before`` is None if there was none yet."""
    if before is None:
        return after
    return StageSnapshot(
        after.name,
        after.workers,
        after.most_workers,
        after.busy - before.busy,
        after.waiting_for_input - before.waiting_for_input,
        after.waiting_for_room - before.waiting_for_room,
        after.items_in - before.items_in,
        after.items_out - before.items_out,
        {name: spent - before.doing.get(name, 0.0) for name, spent in after.doing.items()},
    )
