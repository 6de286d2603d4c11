"""The power goes, and the disk forgets what it was not told to sync."""

from __future__ import annotations

import random
import signal
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import anyio
import orjson
import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.chroma_servers import ChromaCommand
from tests.support.collection import (
    StoredCollection,
    assert_holds,
    chunks_of,
    read_embedded,
    read_from,
)
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.faulty_mount import faulty_mount, needs_fuse
from tests.support.waiting import wait_until

pytestmark = needs_fuse

CONCURRENCY, BATCH = 3, 4
OPTIONS = ("--concurrency", str(CONCURRENCY), "--batch-size", str(BATCH))


class Machine:
    """The command, whose store is on a disk that forgets, and its log on one that doesn't."""

    def __init__(self, folder: Path, simulator: BackgroundSimulator) -> None:
        self._disk = folder / "disk"
        self._simulator = simulator
        self.workspace = Workspace(folder)
        self.workspace.store = self._disk / "chroma_db"
        self.workspace.use(simulator.environment)
        self.workspace.use({"CHROMA_PERSIST_PATH": str(self.workspace.store)})

    def run_until_power_cut(self, draw: random.Random) -> None:
        """Start the command, and cut the power at some moment; or let it end before."""
        with faulty_mount(self._disk) as disk, self.workspace.start(*OPTIONS) as run:
            goal = self._simulator.stats().texts_answered + draw.randrange(8 * BATCH)
            wait_until(lambda: not run.alive or self._simulator.stats().texts_answered >= goal)
            committed = self._committed()
            disk.cut(seed=draw.randrange(1_000_000), kept=draw.choice((0, 0.5, 0.9)))
            run.kill_children()
            run.signal(signal.SIGKILL)
            run.wait()
        self._assert_has(committed)

    def _committed(self) -> int:
        """Texts whose commit has returned, by the log: what was told by then."""
        told = self.workspace.logs / "waypoint.jsonl"
        lines = told.read_bytes().splitlines(keepends=True) if told.exists() else []
        events = [orjson.loads(line) for line in lines if line.endswith(b"\n")]
        return sum(event["texts"] for event in events if event["event"] == "texts_embedded")

    def _assert_has(self, committed: int) -> None:
        """The ledger opens, is sound, and has so many vectors at least."""
        if not committed:
            return
        with (
            faulty_mount(self._disk),
            closing(sqlite3.connect(self.workspace.store / "waypoint.sqlite3")) as db,
        ):
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("SELECT count(*) FROM vectors").fetchone()[0] >= committed

    def assert_ends_right(self, read: Callable[[], StoredCollection], cuts: int) -> None:
        """A run with power: the collection is as undisturbed, only what was in flight was sent
        again."""
        with faulty_mount(self._disk):
            outcome = self.workspace.run(*OPTIONS)
            assert outcome.code == 0, outcome.stderr
            assert_holds(read(), chunks_of(self.workspace.knowledge_base))
        repeated = sum(count - 1 for count in self._simulator.answers().values())
        assert repeated <= cuts * CONCURRENCY * BATCH


def cut_and_compare(folder: Path, cuts: int, *, server: bool, seed: int) -> None:
    """Power cuts over one corpus."""
    draw = random.Random(seed)
    with ExitStack() as stack:
        simulator = stack.enter_context(background_simulator(latency_ms=20))
        machine = Machine(folder, simulator)
        workspace = machine.workspace
        write_corpus(workspace.knowledge_base, documents=6, sections=5 * cuts, seed=seed)
        if server:
            chroma = stack.enter_context(ChromaCommand(folder / "server"))
            workspace.use(chroma.environment)
        for _ in range(cuts):
            machine.run_until_power_cut(draw)

        def read() -> StoredCollection:
            if server:
                return anyio.run(read_from, chroma.url)
            return read_embedded(workspace.store, workspace.logs)

        machine.assert_ends_right(read, cuts)


def test_what_is_committed_outlasts_power_cuts(tmp_path: Path) -> None:
    """The ledger alone is on that disk."""
    cut_and_compare(tmp_path, 2, server=True, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_soak_of_power_cuts(tmp_path: Path, seed: int) -> None:
    """Likewise, more of them."""
    cut_and_compare(tmp_path, 15, server=True, seed=seed)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_soak_of_power_cuts_beneath_a_whole_store(tmp_path: Path, seed: int) -> None:
    """Chroma's files are on that disk as well: what it loses is written anew from the ledger."""
    cut_and_compare(tmp_path, 10, server=False, seed=seed)
