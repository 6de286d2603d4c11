"""Texts that appear in several documents: once in a job, and in each document's chunks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.batch_runs import QUICK, assert_each_billed_once, assert_ingested
from tests.support.command import Workspace
from tests.support.corpus import write_corpus


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["batch", "mixed"])
def test_a_text_of_many_documents_is_in_one_job(tmp_path: Path, mode: str) -> None:
    """Whole copies, and copies of copies beside an edit, over two runs."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=3, sections=8)
    copies = workspace.knowledge_base / "copies"
    for number in range(3):
        shutil.copytree(workspace.knowledge_base / "category_0", copies / str(number))
    with background_simulator(**QUICK) as simulator:
        workspace.use(simulator.environment)
        report = workspace.report_of("--mode", mode, "--max-cost", "0.0003")
        assert report["documents"]["ingested"] == 6
        assert_ingested(workspace)
        shutil.copytree(copies, workspace.knowledge_base / "category_1" / "more")
        document = next(copies.rglob("*.md"))
        document.write_text(document.read_text() + "\n## Another\n\nOne section more.\n")
        workspace.report_of("--mode", mode, "--max-cost", "0.0003")
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
