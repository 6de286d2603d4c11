"""``--mode mixed``: calls and jobs at once, each text by one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.batch_runs import QUICK, assert_each_billed_once, assert_ingested
from tests.support.command import Workspace
from tests.support.corpus import write_corpus

MIXED = ("--mode", "mixed")


def test_calls_take_what_leaves_the_rest_affordable_as_jobs(tmp_path: Path) -> None:
    """The run ends within its budget, and sends each text once."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=6, sections=20)
    with background_simulator(**QUICK) as simulator:
        workspace.use(simulator.environment)
        # All in calls costs 0.0015, all in jobs half of that.
        report = workspace.report_of(*MIXED, "--max-cost", "0.0012")
        assert report["cost_usd"] <= 0.0012
        stats = simulator.stats()
        assert stats.texts_answered > 20
        assert stats.job_texts_billed > 20
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)


@pytest.mark.slow
def test_a_budget_for_jobs_alone_and_none_at_all(tmp_path: Path) -> None:
    """Just enough for jobs: next to no calls. Neither budget nor quota: nothing but calls."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=6, sections=20)
    with background_simulator(**QUICK) as simulator:
        workspace.use(simulator.environment)
        workspace.report_of(*MIXED, "--max-cost", "0.00079")
        assert simulator.stats().texts_answered <= 2
        write_corpus(workspace.knowledge_base, documents=7, sections=20)
        report = workspace.report_of(*MIXED)
        assert (report["jobs"]["submitted"], report["texts_embedded"]) == (0, 20)
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
