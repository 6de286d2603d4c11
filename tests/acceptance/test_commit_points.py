"""A death at each commit point of a run that adds, edits, moves and removes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import section_text, write_corpus, write_records
from tests.support.crash_at import CRASHED, POINTS
from tests.support.fixtures import simulator_fixture

CRASH = (str(Path(__file__).parents[1] / "support" / "crash_at.py"),)
BATCH = 10
RECORDS = "records.jsonl"


simulator = simulator_fixture("module")


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, simulator: BackgroundSimulator) -> Workspace:
    """A store of a first version; only to be copied."""
    workspace = Workspace(tmp_path_factory.mktemp("ingested"))
    workspace.use(simulator.environment)
    # One worker and small batches, so that a point's first and second time are far apart.
    workspace.use({"CONCURRENCY": "1", "BATCH_SIZE": str(BATCH)})
    write_corpus(workspace.knowledge_base, documents=12, sections=4)
    write_records(workspace.knowledge_base / RECORDS, {str(n): 1_000 + n for n in range(16)})
    assert workspace.run().code == 0
    return workspace


def change_everything(folder: Path) -> None:
    """Second version: paragraphs put in front, cut off, new, moved and deleted documents."""
    draw = random.Random(7)
    documents = sorted(folder.rglob("*.md"))
    for document in documents[:3]:
        front, rest = document.read_text().split("---\n\n", 1)
        document.write_text(f"{front}---\n{section_text(draw, 90)}\n{rest}")
    text = documents[3].read_text()
    documents[3].write_text(text[: text.index("## Section 2")])
    documents[4].rename(documents[4].with_name("moved.md"))
    documents[5].unlink()
    # Of its records one is edited, one gone, one new, and the others are as they were.
    records = {str(n): 1_000 + n for n in range(16) if n != 3}
    write_records(folder / RECORDS, records | {"5": 1_050, "new": 1_060})
    for number in range(3):
        (folder / f"new_{number}.md").write_text(section_text(draw, number))


@pytest.fixture
def workspace(tmp_path: Path, ingested: Workspace) -> Iterator[Workspace]:
    """A copy of the store over the one knowledge base, which is put back afterwards.

    Not over a copy of it: that would be another root, and removals would rightly be refused.
    """
    first_version = tmp_path / "first version"
    shutil.copytree(ingested.knowledge_base, first_version)
    workspace = Workspace(tmp_path / "copy")
    shutil.copytree(ingested.store, workspace.store)
    workspace.use(ingested.environment)
    workspace.knowledge_base = ingested.knowledge_base
    yield workspace
    shutil.rmtree(ingested.knowledge_base)
    shutil.copytree(first_version, ingested.knowledge_base)


@pytest.mark.parametrize("point", POINTS)
def test_a_death_at_a_commit_point_is_made_good(
    point: str, workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """The next run ends with what a fresh one would make; only what was in flight is resent."""
    change_everything(workspace.knowledge_base)
    simulator.reset()
    crashed = workspace.run(point, "1", entry=CRASH)
    assert crashed.code == CRASHED, crashed.stderr
    assert workspace.run().code == 0
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )
    # The one worker may have been in a call, whichever stage it was that died.
    assert sum(count - 1 for count in simulator.answers().values()) <= BATCH
    assert workspace.report_of()["chunks"]["added"] == 0
