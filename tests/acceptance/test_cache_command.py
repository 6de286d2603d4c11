"""The cache command: what the ledger holds, and making room in it."""

from __future__ import annotations

from pathlib import Path

import orjson

from tests.support.background_simulator import BackgroundSimulator
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.crash_at import CRASHED
from tests.support.fixtures import simulator_fixture, workspace_fixture

CACHE = ("-m", "waypoint", "cache")
CRASH = (str(Path(__file__).parents[1] / "support" / "crash_at.py"),)


simulator = simulator_fixture()


workspace = workspace_fixture(documents=6, sections=4)
"""A knowledge base of 24 chunks, not yet ingested."""


def test_figures_and_pruning(workspace: Workspace, simulator: BackgroundSimulator) -> None:
    """Vectors of a removed document are unused, and are dropped only when asked."""
    assert workspace.run(entry=CACHE).code == 2
    assert workspace.run().code == 0
    sorted(workspace.knowledge_base.rglob("*.md"))[0].unlink()
    assert workspace.run().code == 0

    shown = orjson.loads(workspace.run("--json", entry=CACHE).stdout)
    assert (shown["spaces"][0]["vectors"], shown["spaces"][0]["unused"]) == (24, 4)
    assert (shown["collections"][0]["documents"], shown["collections"][0]["chunks"]) == (5, 20)

    pruned = orjson.loads(workspace.run("--drop-unused", "--json", entry=CACHE).stdout)
    assert (pruned["pruned"], pruned["spaces"][0]["vectors"]) == (4, 20)
    table = workspace.run(entry=CACHE)
    assert table.code == 0
    assert "gemini-embedding-001" in table.stdout
    # What is still in use is not embedded again.
    assert workspace.report_of("--clear")["texts_embedded"] == 0


def test_what_a_killed_run_has_paid_for_is_not_pruned(workspace: Workspace) -> None:
    """Committed and not yet stored looks unused, so pruning waits for a run that ends."""
    assert workspace.run("after-commit", "1", entry=CRASH).code == CRASHED
    refused = workspace.run("--drop-unused", entry=CACHE)
    assert refused.code == 2
    assert "--force" in refused.stderr
    report = workspace.report_of()
    assert report["texts_embedded"] + report["chunks"]["from_ledger"] == 24
    assert report["chunks"]["from_ledger"] > 0
    assert workspace.run("--drop-unused", entry=CACHE).code == 0


def test_only_the_whole_collections_own_end_lets_it_be_pruned(workspace: Workspace) -> None:
    """Neither another collection nor a category, come to their ends, say anything of the rest."""
    assert workspace.run("after-commit", "1", entry=CRASH).code == CRASHED
    other = workspace.folder / "other"
    write_corpus(other, documents=1, sections=2)
    assert workspace.run(str(other), "--collection=another").code == 0
    category = sorted(path.name for path in workspace.knowledge_base.iterdir())[-1]
    assert workspace.run("--category", category).code == 0
    refused = workspace.run("--drop-unused", entry=CACHE)
    assert refused.code == 2
    assert "completed waypoint_kb_simulated: " in refused.stderr
    assert workspace.report_of()["chunks"]["from_ledger"] > 0
    assert workspace.run("--drop-unused", entry=CACHE).code == 0
