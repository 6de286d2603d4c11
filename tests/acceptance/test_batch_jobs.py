"""``jobs`` lists batch jobs and cancels them; ``status`` shows them."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.batch_runs import (
    BATCH,
    assert_each_billed_once,
    assert_ingested,
    left_at_service,
)
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until

JOBS = ("-m", "waypoint", "jobs")
STATUS = ("-m", "waypoint", "status")


def listed(workspace: Workspace, *arguments: str) -> list[dict[str, Any]]:
    ended = workspace.run(*arguments, "--json", entry=JOBS)
    assert ended.code == 0, ended.stderr
    jobs: list[dict[str, Any]] = json.loads(ended.stdout)["jobs"]
    return jobs


def test_jobs_are_listed_and_cancelled(tmp_path: Path) -> None:
    """With state, texts, tokens, cost and what is next; cancelled ones give their texts back."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=3, sections=8)
    with background_simulator(batch_speed=0.0) as simulator:
        workspace.use(simulator.environment)
        workspace.report_of(*BATCH, "--detach", code=4)
        (job,) = listed(workspace)
        assert (job["state"], job["texts"], job["committed"]) == ("submitted", 24, 0)
        assert job["cost_usd"] > 0
        assert "the next ingest collects it" in job["next"]
        (shown,) = json.loads(workspace.run("--json", entry=STATUS).stdout)["jobs"]
        assert shown == job
        assert f"job {job['id']}: submitted" in workspace.run(entry=STATUS).stdout
        simulator.configure(batch_speed=5.0)
        (cancelled,) = listed(workspace, "cancel")
        assert (cancelled["state"], cancelled["maybe_billed_usd"]) == ("cancelled", 0)
        assert listed(workspace) == []
        assert listed(workspace, "--ended") == [cancelled]
        assert left_at_service(simulator) == []
        assert workspace.report_of()["jobs"]["submitted"] == 0
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
        assert simulator.stats().texts_answered == 24


@pytest.mark.slow
def test_a_run_that_waits_for_jobs_is_interrupted(tmp_path: Path) -> None:
    """At once; the jobs go on at the service, and the next run collects them."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=3, sections=8)
    with background_simulator(batch_speed=0.0) as simulator:
        workspace.use(simulator.environment)
        with workspace.start(*BATCH) as run:
            wait_until(lambda: not run.alive or simulator.stats().jobs > 0)
            run.signal(signal.SIGINT)
            ended = run.wait()
        assert ended.code == 130, ended.stderr
        simulator.advance(3_600)
        workspace.report_of(*BATCH)
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
        assert simulator.stats().jobs == 1


@pytest.mark.slow
def test_jobs_of_a_key_that_is_gone_are_given_up(tmp_path: Path) -> None:
    """Cancelled with another key, that doesn't see them: all of it may have been billed."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=3, sections=8)
    with background_simulator(batch_speed=0.0) as simulator:
        workspace.use(simulator.environment)
        workspace.report_of(*BATCH, "--detach", code=4)
    with background_simulator() as simulator:
        workspace.use(simulator.environment | {"GOOGLE_API_KEY": "AIza-another-key-0123456789"})
        assert "waypoint jobs cancel" in workspace.report_of(code=4)["hint"]
        (job,) = listed(workspace, "cancel")
        assert "given up" in job["state"]
        assert job["maybe_billed_usd"] > 0
        workspace.report_of()
        assert_ingested(workspace)
