"""A suspect or damaged collection of a Chroma server that others read as well."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.support.background_simulator import BackgroundSimulator
from tests.support.chroma_servers import ChromaCommand
from tests.support.collection import SIMULATED, assert_holds, chunks_of, read_from
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.crash_at import CRASHED, ENTRY
from tests.support.fixtures import simulator_fixture

_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


simulator = simulator_fixture("module")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChromaCommand]:
    """``chroma run``."""
    with ChromaCommand(tmp_path / "server") as running:
        yield running


@pytest.fixture
def workspace(tmp_path: Path, simulator: BackgroundSimulator, server: ChromaCommand) -> Workspace:
    """A knowledge base, and that server to store it."""
    made = Workspace(tmp_path / "workspace")
    made.use(simulator.environment | server.environment)
    return made


def described(server: ChromaCommand) -> tuple[str, int] | None:
    """The collection's id and the number of its chunks, as a reader sees them; None: missing."""
    base = f"{server.url}{_COLLECTIONS}"
    found = httpx2.get(f"{base}/{SIMULATED}")
    if found.status_code == 404:
        return None
    collection_id = found.json()["id"]
    counted = httpx2.get(f"{base}/{collection_id}/count")
    # Whoever had found the damaged one may count it no more.
    return (collection_id, int(counted.text)) if counted.is_success else None


def cast_doubt(workspace: Workspace, document: Path) -> None:
    """A run that dies: the next one asks the index."""
    document.touch()
    assert workspace.run("before-touch", "1", entry=ENTRY).code == CRASHED


def test_alike_chunks_that_hide_others_are_no_damage(
    workspace: Workspace, server: ChromaCommand
) -> None:
    """Among 1,900 equal vectors the index does not lead to the few others: it is left alone."""
    write_corpus(workspace.knowledge_base, documents=5, sections=1)
    alike = "\n## Disclaimer\n\n" + "No warranty of any kind is given for anything. " * 8 + "\n"
    (workspace.knowledge_base / "alike.md").write_text(alike * 1_900)
    assert workspace.report_of()["texts_embedded"] == 6
    before = described(server)
    assert before is not None
    cast_doubt(workspace, workspace.knowledge_base / "alike.md")
    report = workspace.report_of()
    assert not any("damaged" in notice or "not found" in notice for notice in report["notices"])
    assert described(server) == before


@contextmanager
def watched(server: ChromaCommand) -> Iterator[list[int]]:
    """How many chunks a reader finds in the collection, as often as it can ask."""
    counts: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            seen = described(server)
            if seen is not None:
                counts.append(seen[1])

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        yield counts
    finally:
        ended.set()
        reader.join()


def test_a_damaged_one_is_rebuilt_beside_itself(
    workspace: Workspace, server: ChromaCommand, simulator: BackgroundSimulator
) -> None:
    """Whoever reads it meanwhile finds all its chunks, of the old one or of the new one."""
    write_corpus(workspace.knowledge_base, documents=30, sections=40)
    assert workspace.run().code == 0
    before, answers = described(server), simulator.answers()
    cast_doubt(workspace, workspace.knowledge_base / "category_0" / "document_000.md")
    server.end(signal.SIGTERM)
    (data,) = server.folder.glob("*/data_level0.bin")
    with data.open("r+b") as file:
        file.truncate(data.stat().st_size // 2)
    server.start()
    with watched(server) as counts:
        report = workspace.report_of()
    assert set(counts) == {1_200}
    assert report["texts_embedded"] == 0
    after = described(server)
    assert after is not None
    assert before is not None
    assert after[0] != before[0]
    assert_holds(anyio.run(read_from, server.url), chunks_of(workspace.knowledge_base))
    listed = httpx2.get(f"{server.url}{_COLLECTIONS}").json()
    assert [each["name"] for each in listed] == [SIMULATED]
    assert simulator.answers() == answers


def test_a_collection_that_another_ledger_made_is_cleared_for_nothing(
    workspace: Workspace, server: ChromaCommand, tmp_path: Path
) -> None:
    """Another machine's ledger takes the vectors over before the server drops them."""
    write_corpus(workspace.knowledge_base, documents=3, sections=4)
    assert workspace.report_of()["texts_embedded"] == 12
    other = Workspace(tmp_path / "other")
    knowledge_base = {"KNOWLEDGE_BASE_PATH": str(workspace.knowledge_base)}
    other.use({**workspace.environment, "HOME": str(other.folder), **knowledge_base})
    assert other.report_of("--clear")["texts_embedded"] == 0
    with closing(sqlite3.connect(other.store / "waypoint.sqlite3")) as db:
        assert db.execute("SELECT count(*) FROM vectors").fetchone() == (12,)
    assert_holds(anyio.run(read_from, server.url), chunks_of(workspace.knowledge_base))
