"""``--concurrency auto`` against a service that is overloaded for a moment."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from tests.support.background_simulator import background_simulator
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until

LATENCY = 0.4
"""Seconds; long against what a busy machine adds."""


def limits(workspace: Workspace) -> list[tuple[float, int]]:
    """The changes that the log tells, with their times."""
    log = (workspace.logs / "waypoint.jsonl").read_bytes()
    told = [orjson.loads(line) for line in log.splitlines()]
    return [
        (datetime.fromisoformat(each["time"]).timestamp(), each["limit"])
        for each in told
        if each["event"] == "concurrency_changed"
    ]


@pytest.mark.slow
def test_a_moment_of_overload_halves_it_once_and_is_made_up_for(tmp_path: Path) -> None:
    """All calls in flight are refused together; then the service is well."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=60, sections=40)
    with background_simulator(latency_ms=LATENCY * 1000) as simulator:
        workspace.use(simulator.environment | {"LOG_LEVEL": "DEBUG"})
        with workspace.start("--concurrency", "auto", "--batch-size", "4") as running:
            log = workspace.logs / "waypoint.jsonl"
            wait_until(lambda: log.exists() and bool(limits(workspace)))
            wait_until(lambda: limits(workspace)[-1][1] >= 16)
            former = limits(workspace)[-1][1]
            simulator.configure(faults={"unavailable": 1.0})
            wait_until(lambda: limits(workspace)[-1][1] < former)
            simulator.configure(faults={}, latency_ms=LATENCY * 1000)
            fell = len(limits(workspace)) - 1
            wait_until(lambda: limits(workspace)[-1][1] >= former)
            outcome = running.wait()
    assert outcome.code == 0, outcome.stderr
    changes = limits(workspace)
    (began, least), *after = changes[fell:]
    assert former // 2 <= least < former
    back = next(number for number, (_, limit) in enumerate(after) if limit >= former)
    falls = [time for (_, before), (time, limit) in pairwise(changes[fell : fell + back + 2])
             if limit < before]  # fmt: skip
    assert all(time - began > 0.9 * LATENCY for time in falls)
    assert back <= 10
