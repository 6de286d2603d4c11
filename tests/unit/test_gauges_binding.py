"""Which stage binds, told from two snapshots."""

from __future__ import annotations

from waypoint.observe.gauges import PipelineSnapshot, StageSnapshot
from waypoint.observe.gauges.binding import Binding, binding_stage, causes_of

NOTHING = PipelineSnapshot(0.0)


def stage(
    name: str, busy: float, waiting: float = 0.0, blocked: float = 0.0, **doing: float
) -> StageSnapshot:
    workers = 8 if name == "embed" else 1
    return StageSnapshot(name, workers, workers, busy, waiting, blocked, 0, 0, doing)


def at(seconds: float, *stages: StageSnapshot) -> PipelineSnapshot:
    return PipelineSnapshot(seconds, stages)


def test_the_busiest_stage_binds_for_what_it_mostly_does() -> None:
    """Eight workers that are in calls all the time bind, whatever the others do in theirs."""
    binding = binding_stage(
        NOTHING,
        at(
            10,
            stage("read", 1, 2, 7),
            stage("embed", 78, 2, 0, call=70, ledger=4),
            stage("write", 4, 6, 0, store=3.5),
        ),
    )
    assert binding == Binding("embed", 0.975, "call", 70 / 78)
    assert str(binding) == (
        "embed binds: busy for 98% of the time, 90% of that for the service's answers"
    )


def test_a_quota_that_binds_is_named() -> None:
    """A worker waits to be let in most of the time."""
    binding = binding_stage(NOTHING, at(10, stage("embed", 80, 0, 0, call=8, ledger=2, quota=70)))
    assert (binding.stage, binding.cause, binding.cause_share) == ("embed", "quota", 0.875)


def test_a_writer_that_waits_for_chroma_is_bound_by_it() -> None:
    """The stage says where, the cause says why."""
    snapshot = at(10, stage("embed", 20, 0, 60, call=15), stage("write", 9.5, 0.5, 0, store=9))
    assert str(binding_stage(NOTHING, snapshot)) == (
        "write binds: busy for 95% of the time, 95% of that for Chroma"
    )


def test_only_what_happened_in_between_counts() -> None:
    """An early phase that read for long does not hide what binds now."""
    early = at(100, stage("read", 95, 5), stage("embed", 10, 700, 0, call=9))
    late = at(110, stage("read", 96, 6, 8), stage("embed", 89, 701, 0, call=87))
    binding = binding_stage(early, late)
    assert binding == Binding("embed", 79 / 80, "call", 78 / 79)


def test_where_nobody_is_busy_nothing_binds() -> None:
    """An idle pipeline, one that has not begun, and two equal moments."""
    idle = at(10, stage("read", 1, 9), stage("write", 4, 6))
    assert binding_stage(NOTHING, idle) == Binding(None, 0.4, "", 0.0)
    assert str(binding_stage(NOTHING, idle)).startswith("no stage binds")
    for nothing in (NOTHING, idle):
        assert binding_stage(nothing, nothing) == Binding(None, 0.0, "", 0.0)


def test_a_stage_that_was_soon_done_binds_nothing() -> None:
    """Busy all its life, but not for long."""
    snapshot = at(10, stage("discover", 1), stage("embed", 64, 16, 0, call=60))
    assert binding_stage(NOTHING, snapshot).stage == "embed"


def test_causes_add_up_to_the_busy_time() -> None:
    """What is told of, and the rest."""
    assert causes_of(stage("chunk", 5, 1, 1, ledger=2)) == {"ledger": 2, "its own work": 3}
