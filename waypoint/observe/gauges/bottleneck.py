"""Which stage is the bottleneck: it is busy while the stages before it wait for room in it and
those after it wait for what it makes."""

from __future__ import annotations

from dataclasses import dataclass

from waypoint.observe.gauges.snapshots import OWN_WORK, PipelineSnapshot

LEAST_SHARE = 0.5
"""A stage that is busy for less of the time than this is no bottleneck."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a busy stage spends its time on, in words."""

    spent_on: str
    """Of one that gets on: ``busy for 90% of the time, 80% of that for …``."""
    stalled: str
    """Of one that is stalled."""


_CAUSES = {
    "call": Cause("the service's answers", "calls to the service are not answered"),
    "connect": Cause("connecting", "the service cannot be reached"),
    "ledger": Cause("the ledger", "the ledger's disk does not answer"),
    "store": Cause("Chroma", "Chroma does not answer"),
    "quota": Cause("the quota", "it waits for quota"),
    "budget": Cause(
        "calls that may give back their share of the budget",
        "it waits for calls that may give back their share of the budget",
    ),
    "backoff": Cause("backoff after failures", "it backs off after failed calls"),
    "slot": Cause("a slot among the calls in flight", "it waits for other calls to end"),
    OWN_WORK: Cause(OWN_WORK, "its own work does not end"),
}


def cause_of(activity: str) -> Cause:
    """The words for what a stage is ``doing``; its own name where there are no others."""
    return _CAUSES.get(activity, Cause(activity, activity))


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The bottleneck of the pipeline between two moments."""

    stage: str | None
    """None where no stage was busy for most of the time."""
    share: float
    """How much of the pipeline's time the busiest stage was busy, all its workers; 0 to 1."""
    cause: str
    """What most of that was spent on, as told to ``doing``; empty where there is no bottleneck."""
    cause_share: float
    """Of the stage's busy time."""

    def __str__(self) -> str:
        """In words, for people."""
        if self.stage is None:
            return (
                f"no stage is the bottleneck (the busiest is busy for {self.share:.0%} of the time)"
            )
        return (
            f"{self.stage} is the bottleneck: busy for {self.share:.0%} of the time, "
            f"{self.cause_share:.0%} of that for {cause_of(self.cause).spent_on}"
        )


def find_bottleneck(before: PipelineSnapshot, after: PipelineSnapshot) -> Bottleneck:
    """The bottleneck between two snapshots of one run; ``before`` may be an empty one."""
    spent = [stage.since(before.stage(stage.name)) for stage in after.stages]
    # Not of a stage's own time: one that was busy throughout, but soon done, held nothing up.
    seconds = max(
        (stage.alive / stage.most_workers for stage in spent if stage.most_workers), default=0.0
    )
    if seconds <= 0:
        return Bottleneck(None, 0.0, "", 0.0)
    shares = {stage.name: stage.busy / max(1, stage.most_workers) / seconds for stage in spent}
    busiest = max(spent, key=lambda stage: shares[stage.name])
    share, cause = shares[busiest.name], busiest.main_cause
    if share < LEAST_SHARE:
        return Bottleneck(None, share, "", 0.0)
    return Bottleneck(busiest.name, share, cause, min(1.0, busiest.causes[cause] / busiest.busy))
