"""SIGKILL at each step of a batch job: no text is billed twice, and the collection is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.batch_runs import (
    BATCH,
    QUICK,
    ask,
    assert_each_billed_once,
    assert_ingested,
    job_stages,
    kill_at,
    left_at_service,
    pass_time,
)
from tests.support.command import Workspace
from tests.support.corpus import write_corpus

STEPS = (
    "before start_upload",
    "after start_upload",
    "before upload",
    "after upload",
    "before create",
    "after create",
    "before list",
    "before get",
    "after get",
    "before download",
    "half of download",
    "before delete",
    "after delete",
    "before delete_file",
    "after delete_file",
)
"""Of one job, in their order."""
GATE = ("after create", "half of download", "before delete")


def kill_through(tmp_path: Path, steps: tuple[str, ...]) -> None:
    """One run after another, each killed at the next step; the last one goes to its end."""
    workspace = Workspace(tmp_path)
    # More than one commit's rows, so that a download is half committed.
    write_corpus(workspace.knowledge_base, documents=14, sections=40)
    with background_simulator(**QUICK) as simulator:
        workspace.use(simulator.environment)
        others = ask(simulator, lambda client: client.queue(["another's text"], "wp-another"))
        for step in steps:
            kill_at(step, workspace, simulator)
            if step == "before create":
                assert job_stages(workspace) == ["submitting"]
                # Long enough for a job to be listed that had been made.
                pass_time(workspace, 3_600)
        report = workspace.report_of(*BATCH)
        assert (report["texts_lost"], report["jobs"]["texts_maybe_billed"]) == (0, 0)
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
        assert simulator.stats().texts_answered == 0
        # Another's file may have expired meanwhile.
        assert set(left_at_service(simulator)) - {"files/wp-another"} == {"wp-another"}
        assert ask(simulator, lambda client: client.get(others["name"])).status_code == 200


def test_kills_at_steps_of_a_job_cost_nothing(tmp_path: Path) -> None:
    """Killed after the creation, half of the download, and the commit."""
    kill_through(tmp_path, GATE)


@pytest.mark.slow
def test_kills_at_all_steps_of_a_job_cost_nothing(tmp_path: Path) -> None:
    """Killed at each of them, one run after another."""
    kill_through(tmp_path, STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_a_step_of_a_job_costs_nothing(tmp_path: Path, step: str) -> None:
    """Each by itself."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=2, sections=6)
    with background_simulator(**QUICK) as simulator:
        workspace.use(simulator.environment)
        kill_at(step, workspace, simulator)
        pass_time(workspace, 3_600)
        workspace.report_of(*BATCH)
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
        assert left_at_service(simulator) == []
