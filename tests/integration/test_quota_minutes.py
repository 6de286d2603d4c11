"""The pace against a service that counts: whole minutes of it, in real time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from waypoint.benchmark.pace import PaceSettings, run_pace
from waypoint.benchmark.processes import Simulating
from waypoint.simulator.faults import Fault

RPM = 3_000
TIERS_OWN = {"QUOTA_RPM": "", "QUOTA_TPM": ""}
"""Empty, as if they were not set: the tier's figures hold."""
LATENCY = {"latency_ms": 200, "latency_per_text_ms": 1}


@pytest.mark.slow
def test_three_minutes_at_the_quota_meet_no_429(tmp_path: Path) -> None:
    """No window ever sees more than the quota, and hardly less than it."""
    workspace = Workspace(tmp_path, timeout=300)
    write_corpus(workspace.knowledge_base, documents=200, sections=46)
    with background_simulator(rpm=RPM, tpm=1_000_000, tier="paid", **LATENCY) as simulator:
        workspace.use(simulator.environment | TIERS_OWN)
        report = workspace.report_of("--quota-tier", "1")
        stats = simulator.stats()
    assert report["texts_embedded"] == stats.texts_answered == 9_200
    assert stats.quota_refusals == {}
    assert report["calls"]["rate_limited"] == 0
    assert stats.peak_texts_admitted <= RPM
    assert stats.first_arrival_s is not None
    assert stats.last_arrival_s is not None
    minutes = (stats.last_arrival_s - stats.first_arrival_s) / 60
    assert minutes > 3
    assert stats.texts_answered / minutes > 0.98 * RPM


@pytest.mark.slow
@pytest.mark.parametrize(("jitter_ms", "share"), [(600, 0.98), (2_000, 0.96)])
def test_arrivals_that_vary_meet_no_429(tmp_path: Path, jitter_ms: int, share: float) -> None:
    """How much they do is measured while running, and the pace keeps clear of it."""
    workspace = Workspace(tmp_path, timeout=400)
    write_corpus(workspace.knowledge_base, documents=200, sections=60)
    with background_simulator(
        rpm=RPM, tpm=1_000_000, tier="paid", arrival_jitter_ms=jitter_ms, **LATENCY
    ) as simulator:
        workspace.use(simulator.environment | TIERS_OWN)
        report = workspace.report_of("--quota-tier", "1")
        stats = simulator.stats()
    assert report["texts_embedded"] == stats.texts_answered == 12_000
    assert stats.quota_refusals == {}
    assert stats.first_arrival_s is not None
    assert stats.last_arrival_s is not None
    minutes = (stats.last_arrival_s - stats.first_arrival_s) / 60
    assert stats.texts_answered / minutes > share * RPM


@pytest.mark.slow
def test_an_unknown_quota_that_no_429_tells_is_found_within_45_s(tmp_path: Path) -> None:
    """From then on no minute carries less than 95 % of it."""
    told: list[str] = []
    simulating = Simulating(200, 1, 200, quota_told="nothing")
    (run,) = run_pace(PaceSettings(("3",), ("unknown",), 3, 8, simulating), tmp_path, told.append)
    assert run.refusals(0, 45) <= 3
    least = run.least_window(45)
    assert least is not None
    assert least >= 0.95


@pytest.mark.slow
def test_refusals_for_want_of_capacity_cost_their_wait(tmp_path: Path) -> None:
    """1.5 % of the calls, as bare as those of a quota that nobody told."""
    workspace = Workspace(tmp_path, timeout=400)
    write_corpus(workspace.knowledge_base, documents=200, sections=45)
    with background_simulator(
        rpm=RPM, quota_told="nothing", faults={Fault.EXHAUSTED: 0.015}, seed=3, **LATENCY
    ) as simulator:
        workspace.use(simulator.environment | TIERS_OWN)
        report = workspace.report_of()
        stats = simulator.stats()
    assert report["texts_embedded"] == stats.texts_answered == 9_000
    assert stats.first_arrival_s is not None
    assert stats.last_arrival_s is not None
    assert (stats.last_arrival_s - stats.first_arrival_s) / 60 < 1.2 * 3


@pytest.mark.slow
def test_auto_finds_its_way_to_the_quota(tmp_path: Path) -> None:
    """Without being told, it goes faster until a 429 names the limit, and keeps to that."""
    workspace = Workspace(tmp_path, timeout=300)
    write_corpus(workspace.knowledge_base, documents=40, sections=30)
    with background_simulator(rpm=600, **LATENCY) as simulator:
        workspace.use(simulator.environment | TIERS_OWN)
        report = workspace.report_of()
        stats = simulator.stats()
    assert report["texts_embedded"] == stats.texts_answered == 1_200
    assert 1 <= report["calls"]["rate_limited"] <= 16
    # Now and then a little more than what holds is tried, in case that it was raised.
    assert 600 <= report["quota_rpm"] <= 660
