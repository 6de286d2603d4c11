"""After a kill an index is asked whether it works, whatever happens in between."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing

from tests.support.background_simulator import BackgroundSimulator
from tests.support.collection import SIMULATED
from tests.support.command import Workspace
from tests.support.fixtures import simulator_fixture, workspace_fixture
from tests.support.waiting import wait_until
from waypoint.storage.chroma.files import chroma_files
from waypoint.storage.ledger import LEDGER_NAME

simulator = simulator_fixture("module", latency_ms=100)
"""Slow enough for a run to be met in its middle."""


workspace = workspace_fixture(documents=10, sections=30, BATCH_SIZE="5", CONCURRENCY="2")
"""A corpus of 60 calls."""


def doubts(workspace: Workspace) -> dict[str, bool]:
    """By the name of a collection, whether it is yet to be asked."""
    with closing(sqlite3.connect(workspace.store / LEDGER_NAME)) as db:
        rows = db.execute("SELECT name, suspect FROM collections").fetchall()
    return {name: bool(suspect) for name, suspect in rows}


def in_its_middle(simulator: BackgroundSimulator) -> None:
    """Wait until a run has got further answers."""
    goal = simulator.stats().texts_answered + 50
    wait_until(lambda: simulator.stats().texts_answered >= goal)


def kill_in_the_middle(workspace: Workspace, simulator: BackgroundSimulator) -> None:
    """A run by SIGKILL; its private server ends by itself."""
    with workspace.start() as run:
        in_its_middle(simulator)
        run.signal(signal.SIGKILL)
        run.wait()
        assert not run.orphans(60)


def test_neither_a_mistake_nor_another_collection_takes_the_doubt_away(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """The killed run's own collection is asked by the first run that opens it."""
    kill_in_the_middle(workspace, simulator)
    assert workspace.run("--chunk-size=300").code == 2
    assert workspace.run("--collection=another").code == 0
    assert doubts(workspace) == {SIMULATED: True, "another": False}
    assert workspace.run().code == 0
    assert doubts(workspace) == {SIMULATED: False, "another": False}


def test_a_private_server_that_died_leaves_doubt(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """The run goes on with a new one; the next run asks the index."""
    with workspace.start() as run:
        in_its_middle(simulator)
        # So that it can't have come to its end meanwhile, on a busy machine.
        simulator.configure(latency_ms=3_000)
        run.kill_children()
        simulator.configure(latency_ms=100)
        outcome = run.wait()
    assert outcome.code == 0, outcome.stderr
    assert doubts(workspace) == {SIMULATED: True}
    assert workspace.run().code == 0
    assert doubts(workspace) == {SIMULATED: False}


def test_a_collection_that_is_written_anew_is_not_suspect(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """What the killed run had in its hands is gone: the next run has nothing to ask."""
    kill_in_the_middle(workspace, simulator)
    for path in chroma_files(workspace.store):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert workspace.run().code == 0
    assert doubts(workspace) == {SIMULATED: False}
