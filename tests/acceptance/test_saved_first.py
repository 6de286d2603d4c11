"""What Chroma holds is saved in the ledger before a collection is dropped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.chroma_servers import private_server
from tests.support.collection import SIMULATED, assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.crash_at import CLEAR_POINTS, CRASHED, ENTRY
from tests.support.fixtures import ingested_fixture, simulator_fixture
from waypoint.storage.ledger import LEDGER_NAME
from waypoint.storage.sqlite_files import database_files

DOCUMENTS, CHUNKS = 6, 24
CACHE = ("-m", "waypoint", "cache")
_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


simulator = simulator_fixture("module")


ingested = ingested_fixture(documents=DOCUMENTS, sections=4, CONTEXT_HEADERS="true")
"""A store of 24 chunks, embedded with their context; only to be copied."""


@pytest.fixture
def workspace(tmp_path: Path, ingested: Workspace) -> Workspace:
    """A copy of the ingested store; the knowledge base is where it was."""
    copy = Workspace(tmp_path / "copy")
    shutil.copytree(ingested.store, copy.store, dirs_exist_ok=True)
    copy.use({**ingested.environment, "KNOWLEDGE_BASE_PATH": str(ingested.knowledge_base)})
    return copy


def lose_ledger(workspace: Workspace) -> None:
    for path in database_files(workspace.store / LEDGER_NAME):
        path.unlink()


def break_ledger(workspace: Workspace) -> None:
    (workspace.store / "waypoint.sqlite3").write_bytes(b"not a ledger" * 1000)


@pytest.mark.parametrize("harm", [lose_ledger, break_ledger])
def test_clearing_without_a_ledger_pays_nothing(
    workspace: Workspace, harm: Callable[[Workspace], None]
) -> None:
    """The vectors are taken over from the collection before it is dropped."""
    harm(workspace)
    report = workspace.report_of("--clear")
    assert (report["texts_embedded"], report["chunks"]["added"]) == (0, CHUNKS)
    assert any(f"{CHUNKS} vectors were taken" in notice for notice in report["notices"])


def test_a_death_while_it_is_cleared_costs_nothing(workspace: Workspace) -> None:
    """At each step, also without the ledger; and nothing that was embedded counts as unused."""
    for number, point in enumerate(CLEAR_POINTS):
        if number % 2:
            lose_ledger(workspace)
        assert workspace.run(point, "1", "--clear", entry=ENTRY).code == CRASHED
        if point != "before-clear":
            pruned = workspace.run("--drop-unused", entry=CACHE)
            assert pruned.code == 2
            assert "--force" in pruned.stderr
        report = workspace.report_of()
        assert report["texts_embedded"] == 0
        assert report["documents"]["ingested"] + report["documents"]["unchanged"] == DOCUMENTS
        assert workspace.run("--drop-unused", entry=CACHE).code == 0


def test_a_text_that_another_program_changed_is_not_believed(workspace: Workspace) -> None:
    """Its vector was embedded for another text: the ledger does not take it under the new one."""
    with private_server(workspace.store) as port:
        base = f"http://127.0.0.1:{port}{_COLLECTIONS}"
        described = httpx2.get(f"{base}/{SIMULATED}").json()
        url = f"{base}/{described['id']}"
        some = httpx2.post(f"{url}/get", json={"limit": 1, "include": []}).json()["ids"]
        changed = {"ids": some, "documents": ["something else"]}
        httpx2.post(f"{url}/update", json=changed, timeout=60).raise_for_status()
    lose_ledger(workspace)
    report = workspace.report_of("--clear")
    assert report["texts_embedded"] == 1
    assert any("1 were not, since their text" in notice for notice in report["notices"])
    folder = Path(workspace.environment["KNOWLEDGE_BASE_PATH"])
    stored = read_embedded(workspace.store, workspace.logs)
    assert_holds(stored, chunks_of(folder, context_headers=True))


@pytest.mark.parametrize("known", [True, False])
def test_vectors_of_an_unknown_space_go_only_with_a_word(workspace: Workspace, known: bool) -> None:
    """Without its metadata nobody can say what they are of; the ledger may have them all."""
    with private_server(workspace.store) as port:
        base = f"http://127.0.0.1:{port}{_COLLECTIONS}"
        described = httpx2.get(f"{base}/{SIMULATED}").json()
        emptied = {"new_metadata": {"somebody": "else"}}
        httpx2.put(f"{base}/{described['id']}", json=emptied).raise_for_status()
    if not known:
        lose_ledger(workspace)
    report = workspace.report_of("--clear")
    assert (report["texts_embedded"], report["chunks"]["added"]) == (0 if known else CHUNKS, CHUNKS)
    said = f"go the vectors of {CHUNKS} chunks"
    assert any(said in notice for notice in report["notices"]) is not known
