"""Running again: only what changed is ingested, and no text is ever embedded twice."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator
from tests.support.collection import SIMULATED, assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import document_text, section_text, write_corpus
from tests.support.fixtures import simulator_fixture

simulator = simulator_fixture()
"""A simulator that counts all calls of a test's commands."""


@pytest.fixture
def workspace(tmp_path: Path, simulator: BackgroundSimulator) -> Workspace:
    """Six documents of four chunks in three categories, ingested."""
    workspace = Workspace(tmp_path)
    workspace.use(simulator.environment)
    write_corpus(workspace.knowledge_base, documents=6, sections=4)
    report = workspace.report_of()
    # What a server behind GOOGLE_GEMINI_BASE_URL is, it says itself.
    assert (report["provider"], report["collection"]) == ("simulator", SIMULATED)
    assert report["texts_embedded"] == simulator.stats().texts_answered == 24
    simulator.reset()
    return workspace


def assert_present(workspace: Workspace) -> None:
    """The collection is what a first run over the present folder would make."""
    collection = read_embedded(workspace.store, workspace.logs)
    assert_holds(collection, chunks_of(workspace.knowledge_base))


def test_what_did_not_change_costs_no_call(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """Touched, renamed, moved and copied files are dealt with from the ledger."""
    base = workspace.knowledge_base
    for path in base.glob("category_0/*.md"):
        os.utime(path)
    touched = workspace.report_of()
    assert touched["documents"]["unchanged"] == 6
    assert touched["documents"]["ingested"] == touched["chunks"]["added"] == 0

    (base / "category_1" / "document_001.md").rename(base / "category_1" / "renamed.md")
    (base / "category_2" / "document_002.md").rename(base / "category_0" / "moved.md")
    copied = base / "category_2" / "copied.md"
    copied.write_bytes((base / "category_0" / "document_000.md").read_bytes())
    moved = workspace.report_of()
    assert moved["documents"]["ingested"] == 3
    assert moved["documents"]["removed"] == 2
    assert moved["chunks"]["from_ledger"] == moved["chunks"]["added"] == 12
    assert moved["chunks"]["deleted"] == 8
    assert simulator.stats().calls == 0
    assert_present(workspace)

    cleared = workspace.report_of("--clear")
    assert cleared["chunks"]["added"] == 28
    assert cleared["texts_embedded"] == simulator.stats().calls == 0
    assert_present(workspace)


def test_only_what_changed_is_paid_for(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """An edited paragraph, a new file, a shorter one, one that is gone and new front matter."""
    base, draw = workspace.knowledge_base, random.Random(99)
    edited = base / "category_0" / "document_000.md"
    text = edited.read_text()
    edited.write_text(text.replace("\n## Section 2", f"{section_text(draw, 9)}\n## Section 2"))
    shorter = base / "category_1" / "document_001.md"
    shorter.write_text(shorter.read_text().partition("## Section 2")[0])
    described = base / "category_2" / "document_002.md"
    described.write_text(described.read_text().replace("use_cases: [testing, comparing]", "a: b"))
    (base / "category_2" / "document_005.md").unlink()
    # One text three times in two new files: their leader alone is sent.
    same = section_text(draw, 7)
    (base / "category_0" / "new.md").write_text(same * 2)
    (base / "category_1" / "new.md").write_text(same)

    before = workspace.report_of("--dry-run", "--simulate")
    report = workspace.report_of()
    assert (
        report["texts_embedded"]
        == before["texts_to_embed"]
        == simulator.stats().texts_answered
        == 2
    )
    assert report["chunks"]["same_text"] == 2
    assert report["documents"]["removed"] == 1
    assert report["chunks"]["added"] == 4
    assert report["chunks"]["deleted"] == 2 + 4
    assert set(simulator.answers().values()) == {1}
    assert_present(workspace)


def test_a_category_alone(workspace: Workspace, simulator: BackgroundSimulator) -> None:
    """Nothing beyond it is read, added or removed; a category that is none is refused."""
    base = workspace.knowledge_base
    (base / "category_0" / "new.md").write_text(document_text(2, seed=50))
    (base / "category_1" / "new.md").write_text(document_text(2, seed=51))
    (base / "category_0" / "document_003.md").unlink()
    (base / "category_1" / "document_004.md").unlink()
    report = workspace.report_of("--category", "category_0")
    assert (report["documents"]["found"], report["documents"]["removed"]) == (2, 1)
    assert report["texts_embedded"] == simulator.stats().texts_answered == 2
    sources = read_embedded(workspace.store, workspace.logs).sources()
    assert "category_0/new.md" in sources
    assert "category_0/document_003.md" not in sources
    assert "category_1/new.md" not in sources
    assert "category_1/document_004.md" in sources

    wrong = workspace.run("--category", "category_9")
    assert wrong.code == 2
    assert "its categories" in wrong.stderr.lower()
    workspace.report_of()
    assert_present(workspace)


def test_what_vanished_in_a_way_hard_to_believe_stays(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """An empty folder, or more than half gone: only with --allow-mass-delete."""
    base = workspace.knowledge_base
    whole = chunks_of(base)
    elsewhere = workspace.folder / "elsewhere"
    base.rename(elsewhere)
    base.mkdir()
    empty = workspace.report_of(code=1)
    assert empty["removals_refused"] == 6
    assert "--allow-mass-delete" in empty["notices"][0]

    for path in elsewhere.glob("category_[01]/*.md"):
        path.unlink()
    base.rmdir()
    elsewhere.rename(base)
    missing = workspace.report_of(code=1)
    assert missing["removals_refused"] == 4
    assert "more than half" in missing["notices"][0]
    assert_holds(read_embedded(workspace.store, workspace.logs), whole)

    pruned = workspace.report_of("--allow-mass-delete")
    assert pruned["documents"]["removed"] == 4
    assert_present(workspace)
    assert simulator.stats().calls == 0
    assert workspace.report_of()["removals_refused"] == 0
