"""Budgets, the day's end, what counts, and what a run learns, as a user meets them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until

NO_MINUTE = {"QUOTA_RPM": "0", "QUOTA_TPM": "0"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Sixty chunks, each of another text."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=6, sections=10)
    workspace.use(NO_MINUTE)
    return workspace


def test_a_budget_of_texts_is_used_to_the_last_and_never_exceeded(workspace: Workspace) -> None:
    """Exit code 4; the rest is for the next run, and nothing is embedded twice."""
    with background_simulator(latency_ms=20) as simulator:
        workspace.use(simulator.environment)
        report = workspace.report_of("--max-texts", "25", "--batch-size", "7", code=4)
        assert report["texts_embedded"] == simulator.stats().texts_answered == 25
        assert "25 texts" in report["message"]
        assert workspace.report_of("--max-texts", "35")["texts_embedded"] == 35
        assert set(simulator.answers().values()) == {1}
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )


def test_a_budget_of_money_is_not_exceeded(workspace: Workspace) -> None:
    """By the tokens as they are estimated; most of it is used."""
    whole = workspace.report_of("--simulate", "--dry-run")
    with background_simulator() as simulator:
        workspace.use(simulator.environment)
        half = whole["cost_usd"] / 2
        report = workspace.report_of("--max-cost", f"{half:.9f}", code=4)
        assert 0.8 * half < report["cost_usd"] <= half
        assert report["texts_embedded"] == simulator.stats().texts_answered
        assert (
            workspace.report_of("--max-cost", "1")["texts_embedded"]
            == 60 - report["texts_embedded"]
        )


def test_waiting_for_the_next_day(workspace: Workspace) -> None:
    """--wait uses the day's texts, says until when it sleeps, and drains at a signal."""
    with background_simulator(rpd=40, tier="free") as simulator:
        workspace.use(simulator.environment)
        with workspace.start("--wait", "--batch-size", "8", "--rpd", "40") as running:
            wait_until(lambda: "waiting until" in running.stderr)
            running.signal(signal.SIGTERM)
            assert running.wait().code == 130
        assert simulator.stats().texts_answered == 40
        ended = workspace.run("--batch-size", "8")
        assert ended.code == 4
        assert "--wait" in ended.stderr
        simulator.reset()
        assert workspace.report_of()["texts_embedded"] == 20


def test_calls_may_be_what_counts(workspace: Workspace) -> None:
    """Sixty texts in one call are then one of the minute's."""
    with background_simulator(rpm=3, quota_unit="calls") as simulator:
        workspace.use(simulator.environment | {"QUOTA_RPM": "3"})
        report = workspace.report_of("--quota-unit", "calls")
        assert report["texts_embedded"] == 60
        assert report["calls"] == {"started": 1, "answered": 1, "retried": 0, "rate_limited": 0}


def test_calls_of_the_day_count_over_runs(workspace: Workspace) -> None:
    """Two in the first run, and the third of the day's three in the next."""
    options = ("--quota-unit", "calls", "--rpd", "3", "--batch-size", "10")
    with background_simulator(rpd=3, quota_unit="calls") as simulator:
        workspace.use(simulator.environment)
        first = workspace.report_of(*options, "--max-texts", "20", code=4)
        assert (first["texts_embedded"], first["calls"]["answered"]) == (20, 2)
        planned = workspace.report_of(*options, "--dry-run", "--simulate")
        assert (planned["calls_used_today"], planned["least_days"]) == (2, 2)
        second = workspace.report_of(*options, code=4)
        assert (second["texts_embedded"], second["calls"]["answered"]) == (10, 1)
        assert second["calls"]["rate_limited"] == 0


def test_the_next_run_begins_with_what_this_one_learned(workspace: Workspace) -> None:
    """The limit that a 429 named, although nothing was said of it."""
    with background_simulator(rpm=40, fault_script=["rate_limited"]) as simulator:
        workspace.use(simulator.environment | {"QUOTA_RPM": "", "QUOTA_TPM": ""})
        with workspace.start() as running:
            wait_until(lambda: "the service said so" in running.stderr)
            running.signal(signal.SIGTERM)
            assert running.wait().code == 130
        with workspace.start() as running:
            wait_until(lambda: "at the start" in running.stderr)
            running.signal(signal.SIGTERM)
            running.wait()
            assert "quota: 40 texts" in running.stderr


def test_calls_in_flight_are_found_where_that_is_wished(workspace: Workspace) -> None:
    """--concurrency auto ingests all of it, and the report says what it came to."""
    with background_simulator(latency_ms=50) as simulator:
        workspace.use(simulator.environment)
        report = workspace.report_of("--concurrency", "auto", "--batch-size", "1")
        assert report["concurrency"] == "auto"
        assert report["texts_embedded"] == 60
        assert 4 <= simulator.stats().peak_calls_in_flight <= 64
    refused = workspace.run("--concurrency", "many")
    assert refused.code == 2
    assert "--concurrency many: must be 1 to 256, or auto" in refused.stderr


def test_batches_made_for_a_larger_quota_are_divided(workspace: Workspace) -> None:
    """Sixty texts in one call fit into no minute of forty: they are sent in parts."""
    with background_simulator(rpm=40) as simulator:
        workspace.use(simulator.environment)
        with workspace.start() as running:
            wait_until(lambda: simulator.stats().texts_answered > 0)
            running.signal(signal.SIGTERM)
            assert running.wait().code == 130
        assert simulator.stats().peak_texts_admitted <= 40
