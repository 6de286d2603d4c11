"""A run that is looked at by machines: health, metrics, and a monitor that can't be had."""

from __future__ import annotations

import re
import socket
from itertools import pairwise
from typing import Any

import httpx2
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.background_simulator import KEY, BackgroundSimulator
from tests.support.command import RunningCommand, Workspace
from tests.support.fixtures import simulator_fixture, workspace_fixture
from tests.support.waiting import wait_until
from waypoint.simulator.faults import Fault

PACE = ("--concurrency", "2", "--batch-size", "5", "--json", "--monitor-port", "0")
TEXTS = 90


simulator = simulator_fixture(latency_ms=50)


workspace = workspace_fixture(documents=9, sections=10)
"""90 chunks, not yet ingested."""


def monitor_of(running: RunningCommand) -> str:
    """The address that a run prints."""

    def address() -> re.Match[str] | None:
        return re.search(r"^monitor: (http://127\.0\.0\.1:\d+)/$", running.stderr, re.M)

    wait_until(lambda: address() is not None)
    found = address()
    assert found is not None
    return found[1]


def health_of(url: str) -> tuple[int, dict[str, Any]]:
    answer = httpx2.get(f"{url}/health", timeout=20)
    return answer.status_code, answer.json()


def test_a_service_that_falls_silent_turns_health_to_503(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """Naming the stage, since when and why; and back to 200 when it answers again."""
    workspace.use({"STALL_TIMEOUT": "2"})
    with workspace.start(*PACE, "--call-timeout", "5") as running:
        url = monitor_of(running)
        wait_until(lambda: simulator.stats().texts_answered >= 10)
        assert health_of(url)[0] == 200
        simulator.configure(faults={"hang": 1.0})
        wait_until(lambda: health_of(url)[0] == 503)
        _, health = health_of(url)
        assert (health["status"], health["stage"]) == ("stalled", "embed")
        assert health["stalled_for"] >= health["stall_after"] == 2
        assert "calls to the service are not answered" in health["why"]
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", health["since"])
        hung = httpx2.get(f"{url}/metrics", timeout=20).text
        assert "waypoint_healthy 0.0" in hung
        for told in (str(health), hung, httpx2.get(url, timeout=20).text):
            assert KEY not in told
        simulator.configure(faults={}, latency_ms=50)
        wait_until(lambda: not running.alive or health_of_or_none(url) in (200, None))
        outcome = running.wait()
    assert outcome.code == 0, outcome.stderr
    assert outcome.report["texts_embedded"] == TEXTS


def health_of_or_none(url: str) -> int | None:
    """None once the run has ended."""
    try:
        return health_of(url)[0]
    except httpx2.TransportError:
        return None


def test_metrics_grow_into_the_report(workspace: Workspace, simulator: BackgroundSimulator) -> None:
    """Nothing goes down, and nothing passes what the report says at the end."""
    (workspace.knowledge_base / "category_0" / "bad.md").write_bytes(b"\xff\x00\x01")
    scrapes: list[dict[str, float]] = []
    with workspace.start(*PACE) as running:
        url = monitor_of(running)
        while running.alive:
            try:
                scrapes.append(_totals(httpx2.get(f"{url}/metrics", timeout=20).text))
            except httpx2.TransportError:
                break
        outcome = running.wait()
    assert outcome.code == 1
    report, log = outcome.report, (workspace.logs / "waypoint.jsonl").read_bytes()
    assert len(scrapes) > 3
    for before, after in pairwise(scrapes):
        assert all(after[name] >= value for name, value in before.items())
    last = scrapes[-1]
    assert 0 < last["waypoint_texts_embedded_total"] <= report["texts_embedded"] == TEXTS
    assert last["waypoint_documents_total{rejected}"] == report["documents"]["rejected"] == 1
    assert last["waypoint_chunks_total{added}"] <= report["chunks"]["added"] == TEXTS
    assert last["waypoint_cost_usd_total"] <= report["cost_usd"]
    events = [orjson.loads(line) for line in log.splitlines()]
    assert [event["url"] for event in events if event["event"] == "monitor_ready"] == [f"{url}/"]
    ended = events[-1]
    assert (ended["event"], ended["exit_code"]) == ("run_ended", 1)
    assert ended["seconds"] == pytest.approx(report["seconds"], abs=0.1)


def _totals(text: str) -> dict[str, float]:
    """Counters, by name and the values of their labels."""
    totals = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples if family.type == "counter" else ():
            labels = f"{{{','.join(sample.labels.values())}}}" if sample.labels else ""
            totals[sample.name + labels] = sample.value
    return totals


def test_a_port_that_is_taken_costs_the_page_not_the_run(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """The run says so and goes on; the report keeps it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        report = workspace.report_of("--monitor-port", str(port))
    assert report["texts_embedded"] == TEXTS
    (notice,) = report["notices"]
    assert notice.startswith(f"no monitor: cannot listen on 127.0.0.1:{port}")


def test_a_run_that_fails_at_once_is_told_as_ever(workspace: Workspace) -> None:
    """With a monitor beside it: the error, the way out and the exit code, and no traceback."""
    outcome = workspace.run("no such folder", "--monitor-port", "0")
    assert outcome.code == 2
    assert "Traceback" not in outcome.stderr
    assert "no such folder" in outcome.stderr


def test_an_outage_is_told_while_it_lasts(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """Red on /health, with its figures; and the run goes on when it is over."""
    with workspace.start(*PACE) as running:
        url = monitor_of(running)
        wait_until(lambda: simulator.stats().texts_answered >= 5)
        simulator.configure(faults={Fault.UNAVAILABLE: 1.0})
        wait_until(lambda: health_of(url)[0] == 503)
        _, health = health_of(url)
        assert health["status"] == "failing"
        assert re.match(r"service failing: 503 for \d+s, [\d,]+ retr", health["why"])
        simulator.configure(faults={})
        assert running.wait().code == 0
