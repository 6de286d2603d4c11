"""What a scheduler and Prometheus need: exit codes, figures that outlive a run, host names."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.command import PROJECT, Workspace
from tests.support.corpus import write_corpus


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=3, sections=1)
    return workspace


def figures_of(path: Path) -> dict[str, float]:
    """Of the file, by name and outcome."""
    return {
        f"{sample.name} {sample.labels.get('outcome', '')}".strip(): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
        if sample.labels["collection"] == "waypoint_kb_simulated"
    }


def test_rejects_fail_a_run_as_it_was_told(workspace: Workspace) -> None:
    ingest = ("--simulate", "--fail-on")
    (workspace.knowledge_base / "torn.pdf").write_bytes(b"%PDF-1.7\n")
    assert workspace.run(*ingest, "never").code == 0
    assert workspace.run("--simulate").code == 1
    # It stood before this one began.
    assert workspace.run(*ingest, "new-rejects").code == 0
    (workspace.knowledge_base / "torn.docx").write_bytes(b"PK\3\4")
    assert workspace.run(*ingest, "new-rejects", "--dry-run").code == 1
    assert workspace.run(*ingest, "new-rejects").code == 1
    outcome = workspace.run(*ingest, "new-rejects", "--json")
    assert outcome.code == 0
    assert outcome.report["standing_rejects"] == 2
    # Whatever it was told of rejects.
    shutil.rmtree(workspace.knowledge_base)
    workspace.knowledge_base.mkdir()
    assert workspace.run(*ingest, "never").code == 1


def test_figures_outlive_the_run(workspace: Workspace, tmp_path: Path) -> None:
    """When the last run succeeded is kept by those that don't."""
    path = tmp_path / "waypoint.prom"
    assert workspace.run("--simulate", "--metrics-file", str(path)).code == 0
    first = figures_of(path)
    assert first["waypoint_last_run_exit_code"] == 0
    assert first["waypoint_last_run_documents ingested"] == 3
    assert first["waypoint_last_run_texts_embedded"] > 0
    succeeded = first["waypoint_last_run_success_time_seconds"]
    assert succeeded == first["waypoint_last_run_end_time_seconds"]
    # The collector is another user.
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.glob(".*waypoint.prom*")] == []

    # One that fails before it knows its collection.
    workspace.use({"CHROMA_HOST": "127.0.0.1", "CHROMA_PORT": "1", "CHROMA_GIVE_UP_AFTER": "0.1"})
    assert workspace.run("--simulate", "--metrics-file", str(path)).code == 3
    after = figures_of(path)
    assert after["waypoint_last_run_exit_code"] == 3
    assert after["waypoint_last_run_end_time_seconds"] > succeeded
    assert after["waypoint_last_run_success_time_seconds"] == succeeded


@pytest.mark.parametrize("name", ["nowhere/x.prom", "knowledge base"])
def test_a_file_that_cannot_be_written_is_told(
    name: str, workspace: Workspace, tmp_path: Path
) -> None:
    outcome = workspace.run("--simulate", "--metrics-file", str(tmp_path / name))
    assert outcome.code == 0
    assert "the metrics file could not be written" in outcome.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian: prometheus) is absent")
def test_promtool_takes_rules_and_figures(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "waypoint.prom"
    assert workspace.run("--simulate", "--metrics-file", str(path)).code == 0
    rules = ["promtool", "check", "rules", str(PROJECT / "docs" / "alerts.yml")]
    subprocess.run(rules, check=True, capture_output=True, timeout=60)
    subprocess.run(
        ["promtool", "check", "metrics"],
        input=path.read_bytes(),
        check=True,
        capture_output=True,
        timeout=60,
    )


def test_every_rule_is_about_a_metric_of_ours(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "waypoint.prom"
    assert workspace.run("--simulate", "--metrics-file", str(path)).code == 0
    metrics = {name.partition(" ")[0] for name in figures_of(path)} | {"waypoint_healthy"}
    rules = (PROJECT / "docs" / "alerts.yml").read_text()
    named = {word.strip("()") for word in rules.split() if word.startswith("waypoint_")}
    assert named <= metrics
