"""Which stage is the bottleneck, told from two snapshots."""

from __future__ import annotations

from waypoint.observe.gauges import PipelineSnapshot, StageSnapshot
from waypoint.observe.gauges.bottleneck import Bottleneck, find_bottleneck

NOTHING = PipelineSnapshot(0.0)


def stage(
    name: str, busy: float, waiting: float = 0.0, blocked: float = 0.0, **doing: float
) -> StageSnapshot:
    workers = 8 if name == "embed" else 1
    return StageSnapshot(name, workers, workers, busy, waiting, blocked, 0, 0, doing)


def at(seconds: float, *stages: StageSnapshot) -> PipelineSnapshot:
    return PipelineSnapshot(seconds, stages)


def test_the_busiest_stage_is_the_bottleneck() -> None:
    """Eight workers that are in calls all the time hold up the others, whatever those do."""
    found = find_bottleneck(
        NOTHING,
        at(
            10,
            stage("read", 1, 2, 7),
            stage("embed", 78, 2, 0, call=70, ledger=4),
            stage("write", 4, 6, 0, store=3.5),
        ),
    )
    assert found == Bottleneck("embed", 0.975, "call", 70 / 78)
    assert str(found) == (
        "embed is the bottleneck: busy for 98% of the time, 90% of that for the service's answers"
    )


def test_a_quota_that_holds_up_is_named() -> None:
    """A worker waits to be let in most of the time."""
    found = find_bottleneck(NOTHING, at(10, stage("embed", 80, 0, 0, call=8, ledger=2, quota=70)))
    assert (found.stage, found.cause, found.cause_share) == ("embed", "quota", 0.875)


def test_a_writer_that_waits_for_chroma_is_bound_by_it() -> None:
    """The stage says where, the cause says why."""
    snapshot = at(10, stage("embed", 20, 0, 60, call=15), stage("write", 9.5, 0.5, 0, store=9))
    assert str(find_bottleneck(NOTHING, snapshot)) == (
        "write is the bottleneck: busy for 95% of the time, 95% of that for Chroma"
    )


def test_only_what_happened_in_between_counts() -> None:
    """An early phase that read for long does not hide the bottleneck now."""
    early = at(100, stage("read", 95, 5), stage("embed", 10, 700, 0, call=9))
    late = at(110, stage("read", 96, 6, 8), stage("embed", 89, 701, 0, call=87))
    found = find_bottleneck(early, late)
    assert found == Bottleneck("embed", 79 / 80, "call", 78 / 79)


def test_where_nobody_is_busy_there_is_none() -> None:
    """An idle pipeline, one that has not begun, and two equal moments."""
    idle = at(10, stage("read", 1, 9), stage("write", 4, 6))
    assert find_bottleneck(NOTHING, idle) == Bottleneck(None, 0.4, "", 0.0)
    assert str(find_bottleneck(NOTHING, idle)).startswith("no stage is the bottleneck")
    for nothing in (NOTHING, idle):
        assert find_bottleneck(nothing, nothing) == Bottleneck(None, 0.0, "", 0.0)


def test_a_stage_that_was_soon_done_is_none() -> None:
    """Busy all its life, but not for long."""
    snapshot = at(10, stage("discover", 1), stage("embed", 64, 16, 0, call=60))
    assert find_bottleneck(NOTHING, snapshot).stage == "embed"


def test_causes_add_up_to_the_busy_time() -> None:
    """What is told of, and the rest."""
    assert stage("chunk", 5, 1, 1, ledger=2).causes == {"ledger": 2, "its own work": 3}
