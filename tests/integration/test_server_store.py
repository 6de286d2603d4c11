"""The command against a Chroma server that is not ours: CHROMA_HOST and CHROMA_PORT."""

from __future__ import annotations

import socket
from pathlib import Path

import anyio
import httpx2

from tests.support.background_simulator import background_simulator
from tests.support.chroma_servers import ChromaCommand
from tests.support.collection import SIMULATED, assert_holds, chunks_of, read_from
from tests.support.command import Workspace
from tests.support.corpus import document_text, write_corpus

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


def assert_present(server: ChromaCommand, workspace: Workspace) -> None:
    """The server's collection is what a first run over the present folder would make."""
    collection = anyio.run(read_from, server.url)
    assert_holds(collection, chunks_of(workspace.knowledge_base))


def test_the_main_path_against_a_server(tmp_path: Path) -> None:
    """A run, one without a call, and one over changes."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=5, sections=6)
    with ChromaCommand(tmp_path / "server") as server, background_simulator() as simulator:
        workspace.use(simulator.environment | server.environment)
        assert workspace.report_of()["texts_embedded"] == 30
        assert_present(server, workspace)
        # The folder holds the ledger and the lock; of the store itself there is nothing in it.
        assert {path.name for path in workspace.store.iterdir()} == {
            "waypoint.lock", "waypoint.sqlite3",
        }  # fmt: skip

        again = workspace.report_of()
        assert (again["documents"]["unchanged"], again["calls"]["started"]) == (5, 0)

        (base / "category_0" / "document_000.md").unlink()
        (base / "category_1" / "new.md").write_text(document_text(3, seed=77))
        changed = workspace.report_of()
        assert (changed["texts_embedded"], changed["documents"]["removed"]) == (3, 1)
        assert_present(server, workspace)
        assert set(simulator.answers().values()) == {1}


def test_a_server_that_cannot_be_reached(tmp_path: Path) -> None:
    """3, with its address and what to do; nothing was embedded."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=1, sections=2)
    with background_simulator() as simulator, socket.socket() as bound:
        # Bound, so that nobody else gets the port; nobody listens.
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        address = {"CHROMA_HOST": "127.0.0.1", "CHROMA_PORT": str(port)}
        workspace.use(simulator.environment | address)
        outcome = workspace.run()
        assert outcome.code == 3
        assert f"127.0.0.1:{port}" in outcome.stderr
        assert "CHROMA_HOST" in outcome.stderr
        assert simulator.stats().calls == 0


def test_a_collection_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """2: it may be somebody's; only --clear replaces it."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=1, sections=2)
    with ChromaCommand(tmp_path / "server") as server:
        workspace.use(server.environment)
        made = httpx2.post(f"{server.url}{COLLECTIONS}", json={"name": SIMULATED})
        made.raise_for_status()
        refused = workspace.run("--simulate")
        assert refused.code == 2
        assert "was not made by Waypoint" in refused.stderr
        assert "--collection" in refused.stderr
        assert "--clear" in refused.stderr
        assert workspace.report_of("--simulate", "--clear")["chunks"]["added"] == 2
        assert_present(server, workspace)
