"""Whether a run gets on: what counts as movement, what as a wait, and who is named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from waypoint.observe.gauges import Gauges
from waypoint.observe.health import MOST_GAP, Health, HealthWatch, Status

STALL = 90.0


class Bench:
    """Gauges and a watch that go by one clock, looked at once a second."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.gauges = Gauges(lambda: self.now)
        self.watch = HealthWatch(STALL, lambda: self.now)
        self.moves = 0
        self.stack = ExitStack()
        for name in ("read", "deduplicate", "embed", "write"):
            self.gauges.stage(name)

    def run(self, stage: str, *states: str) -> None:
        """Start workers of a stage, each in one of these states."""
        gauge = self.gauges.stage(stage)
        for state in states:
            self.stack.enter_context(gauge.running())
            if state == "input":
                self.stack.enter_context(gauge.waiting_for_input())
            elif state == "room":
                self.stack.enter_context(gauge.waiting_for_room())
            elif state:
                self.stack.enter_context(gauge.doing(state))

    def look(self, *, waiting: bool = False) -> None:
        self.watch.look(self.gauges.snapshot(), self.moves, waiting=waiting)

    def pass_seconds(
        self, seconds: int, *, waiting: bool = False, each: Callable[[], None] = lambda: None
    ) -> None:
        for _ in range(seconds):
            self.now += 1
            each()
            self.look(waiting=waiting)


def running_bench() -> Bench:
    """Everything stands in calls to the service: read and deduplicate wait for room."""
    bench = Bench()
    bench.run("read", "room")
    bench.run("deduplicate", "room")
    bench.run("embed", "call", "call")
    bench.run("write", "input")
    bench.look()
    return bench


def test_a_service_that_says_nothing_stalls_a_run() -> None:
    """After so many seconds, not before; the stage, the time and the cause are named."""
    bench = running_bench()
    bench.pass_seconds(89)
    assert bench.watch.health().status is Status.RUNNING
    bench.pass_seconds(31)
    health = bench.watch.health("no answer within 60 s")
    assert health == Health(
        Status.STALLED,
        "embed",
        120.0,
        "embed has not moved for 2m00s: calls to the service are not answered; "
        "the last failure: no answer within 60 s",
    )
    assert not health.good


@pytest.mark.parametrize("how", ["event", "items"])
def test_what_moves_is_not_stalled(how: str) -> None:
    """An event of work, or a stage that takes something in, begins the time anew."""
    bench = running_bench()

    def move() -> None:
        if bench.now % 80 == 0:
            bench.moves += how == "event"
            bench.gauges.stage("read").items_in += how == "items"

    bench.pass_seconds(400, each=move)
    assert bench.watch.health().status is Status.RUNNING


def test_waits_for_quota_do_not_count_and_do_not_reset() -> None:
    """However long; but what stood still before and after them is added up."""
    bench = running_bench()
    bench.pass_seconds(60)
    bench.pass_seconds(3_600, waiting=True)
    assert bench.watch.health().status is Status.WAITING
    bench.pass_seconds(29)
    assert bench.watch.health().status is Status.RUNNING
    bench.pass_seconds(1)
    assert bench.watch.health().status is Status.STALLED


@pytest.mark.parametrize(
    ("stages", "culprit", "cause"),
    [
        ({"read": ["own work"], "write": ["input"]}, "read", "own work"),
        ({"embed": ["room", "room"], "write": ["store"]}, "write", "Chroma does not answer"),
        (
            {"embed": ["backoff", "room"], "write": ["input"]},
            "embed",
            "it backs off",
        ),
        ({"deduplicate": ["ledger"], "embed": ["input"]}, "deduplicate", "the ledger's disk"),
        ({"embed": ["call", *["input"] * 7]}, "embed", "not answered"),
        ({"read": ["room"], "write": ["input"]}, "", "no stage has moved"),
    ],
)
def test_the_last_busy_stage_is_named(
    stages: dict[str, list[str]], culprit: str, cause: str
) -> None:
    """Those before it wait for room in it, and one busy worker of many is enough."""
    bench = Bench()
    for stage, states in stages.items():
        bench.run(stage, *("" if state == "own work" else state for state in states))
    bench.look()
    bench.pass_seconds(100)
    health = bench.watch.health()
    assert health.status is Status.STALLED
    assert health.stage == culprit
    assert cause in health.why


def test_without_a_stage_nothing_is_counted() -> None:
    """Before the pipeline begins and after it has ended, there is another word for it."""
    watch = HealthWatch(STALL, lambda: 0.0)
    watch.look(Gauges().snapshot(), 0, waiting=False)
    assert watch.health().status is Status.STARTING
    bench = running_bench()
    bench.stack.close()
    bench.pass_seconds(1_000)
    assert bench.watch.health().status is Status.FINISHING


def test_a_gap_between_two_looks_is_not_the_runs() -> None:
    """A machine that slept, or a loop that stood still, is no stage's fault."""
    bench = running_bench()
    bench.now += 10_000
    bench.look()
    health = bench.watch.health()
    assert (health.status, health.stalled_for) == (Status.RUNNING, MOST_GAP)
