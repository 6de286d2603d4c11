"""The command with its ledger on a disk of any size, and Chroma on another one."""

from __future__ import annotations

import random
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.chroma_servers import ChromaCommand
from tests.support.collection import assert_holds, chunks_of, read_embedded, read_from
from tests.support.command import SCRIPT, Outcome, Workspace
from tests.support.corpus import write_corpus
from tests.support.small_disk import PAGE, SmallDisk, small_disk
from tests.support.waiting import wait_until

LARGE = 256 << 20
BATCH = 4
CONCURRENCY = 3
OPTIONS = ("--concurrency", str(CONCURRENCY), "--batch-size", str(BATCH))
STEP = 5 * PAGE
ENOUGH = 11 << 19
"""Bytes that a first run over the corpus takes of the ledger's disk: it never fills them."""


@dataclass(slots=True)
class Bench:
    """A knowledge base of 120 chunks, a server to write them to, a simulator, a small disk."""

    workspace: Workspace
    server: ChromaCommand
    simulator: BackgroundSimulator
    disk: SmallDisk

    def answered(self) -> int:
        """Texts that were answered, over all runs. Fails if one was answered twice."""
        answers = self.simulator.answers()
        assert set(answers.values()) <= {1}, sorted(answers.values())
        return len(answers)

    def start_over(self, size: int) -> None:
        """A new ledger, on a disk of that size, and a new collection for it."""
        for path in self.disk.folder.iterdir():
            path.unlink()
        self.simulator.reset()
        self.disk.resize(size)
        self.workspace.use({"COLLECTION_NAME": f"kb_{secrets.token_hex(4)}"})

    def assert_nothing_is_lost(self) -> None:
        """Two runs on the disk as it is, and one with room: each text was answered once."""
        for _ in range(2):
            before = self.answered()
            outcome = self.workspace.run(*OPTIONS, "--json")
            if outcome.code == 0:
                break
            assert outcome.code == 3, outcome.stderr
            assert "is full" in outcome.stderr, outcome.stderr
            assert self.disk.folder.name in outcome.stderr
            assert "free " in outcome.stderr
            embedded = self.answered() - before
            if outcome.stdout:
                assert outcome.report["texts_embedded"] == embedded
                assert outcome.report["texts_lost"] == 0
            else:
                assert not embedded
        self.disk.resize(LARGE)
        self.disk.leave(LARGE)
        report = self.workspace.report_of(*OPTIONS)
        chunks = chunks_of(self.workspace.knowledge_base)
        assert self.answered() == len(chunks)
        assert report["in_flight_at_end"] == 0
        name = self.workspace.environment["COLLECTION_NAME"]
        assert_holds(anyio.run(read_from, self.server.url, name), chunks)
        assert not list(self.disk.folder.glob("*ballast*"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """All running."""
    folder = tmp_path_factory.mktemp("bench")
    workspace = Workspace(folder)
    write_corpus(workspace.knowledge_base, documents=6, sections=20)
    with (
        background_simulator() as simulator,
        ChromaCommand(folder / "server") as server,
        small_disk(workspace.store, size=LARGE) as disk,
    ):
        workspace.use(simulator.environment)
        workspace.use(server.environment)
        yield Bench(workspace, server, simulator, disk)


def test_with_little_room_every_run_says_so_and_none_pays(bench: Bench) -> None:
    """However often it is tried; what the ledger held before is kept."""
    bench.start_over(LARGE)
    bench.workspace.run(*OPTIONS, "--category", "category_1")
    embedded = bench.answered()
    assert embedded == 40
    bench.disk.leave(300_000)
    for _ in range(2):
        outcome = bench.workspace.run(*OPTIONS, "--json")
        assert outcome.code == 3
        assert "no room for the answers to 3 calls" in outcome.stderr
        assert outcome.report["cost_usd"] == 0
    question = bench.workspace.run("what?", entry=("-m", "waypoint", "search"))
    assert question.code == 3
    assert "no room for the answers to a call" in question.stderr
    assert bench.answered() == embedded
    bench.disk.leave(LARGE)
    bench.workspace.report_of(*OPTIONS)
    assert bench.answered() == 120


def test_a_ballast_that_a_kill_left_behind_goes(bench: Bench) -> None:
    """It neither grows from run to run nor takes the room that the next run needs."""
    bench.start_over(LARGE)
    bench.simulator.configure(latency_ms=60_000)
    ballast = bench.disk.folder / "waypoint.ballast"
    sizes = []
    for _ in range(2):
        with bench.workspace.start(*OPTIONS) as run:
            wait_until(lambda: not run.alive or bench.simulator.stats().calls_in_flight > 0)
            assert run.alive, run.stderr
            run.signal(signal.SIGKILL)
            run.wait()
        sizes.append(ballast.stat().st_blocks)
    assert sizes[0] == sizes[1] > 1_000
    bench.simulator.configure(latency_ms=0)
    bench.disk.leave(PAGE)
    assert bench.workspace.run(*OPTIONS, "--json").code in (0, 3)
    bench.disk.leave(LARGE)
    bench.workspace.report_of(*OPTIONS)
    assert not ballast.exists()


def test_what_lies_in_the_ballasts_place_is_named(bench: Bench) -> None:
    """It is no want of room, and stays; nothing is embedded until it is gone."""
    bench.start_over(LARGE)
    in_its_place = bench.disk.folder / "waypoint.ballast"
    in_its_place.mkdir()
    outcome = bench.workspace.run(*OPTIONS)
    assert outcome.code == 3
    assert "waypoint.ballast in " in outcome.stderr
    assert "disk is full" not in outcome.stderr
    assert bench.answered() == 0
    in_its_place.rmdir()
    bench.workspace.report_of(*OPTIONS)


@pytest.mark.parametrize("size", sorted(random.Random(3).sample(range(PAGE, ENOUGH, PAGE), 1)))
def test_on_a_disk_of_some_size_nothing_is_lost(bench: Bench, size: int) -> None:
    """All that was answered is committed, none of it is sent again, and the disk is named."""
    bench.start_over(size)
    bench.assert_nothing_is_lost()


@pytest.mark.slow
@pytest.mark.timeout(4 * 3_600)
def test_on_disks_of_many_sizes_nothing_is_lost(bench: Bench) -> None:
    """Likewise, in steps of 20 KB: the ledger's pages are of 16 KB, so that each disk ends at
    another place within one. The ledger alone is tried at every size, by its own test.
    """
    for size in range(PAGE, ENOUGH, STEP):
        bench.start_over(size)
        bench.assert_nothing_is_lost()


@pytest.mark.parametrize("size", sorted(random.Random(5).sample(range(9 << 20, 15 << 20, PAGE), 1)))
def test_a_private_server_on_a_full_disk_is_told_as_that(tmp_path: Path, size: int) -> None:
    """Within seconds, whatever Chroma says of it; its files stay, and nothing is sent twice."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=20, sections=20)
    with background_simulator() as simulator, small_disk(workspace.store, size=size) as disk:
        workspace.use(simulator.environment)
        report = workspace.report_of(*OPTIONS, code=3)
        assert " is full" in report["message"]
        assert report["texts_embedded"] == simulator.stats().texts_answered > 0
        disk.resize(LARGE)
        workspace.report_of(*OPTIONS)
        assert set(simulator.answers().values()) == {1}
        assert not list(workspace.store.glob("quarantine-*"))
        stored = read_embedded(workspace.store, workspace.logs)
        assert_holds(stored, chunks_of(workspace.knowledge_base))


def test_what_is_lost_all_the_same_is_told_and_counted(tmp_path: Path) -> None:
    """A disk that fails in mid-run: the run ends, and its cost is what was answered."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=6, sections=20)
    log = workspace.store / "waypoint.sqlite3-wal"
    failing = [strace, "-f", "-qq", "-o", "/dev/null", "-P", str(log), "-e", "trace=pwrite64"]
    failing += ["-e", "inject=pwrite64:error=EIO:when=100+"]
    with background_simulator() as simulator, ChromaCommand(tmp_path / "server") as server:
        workspace.use(simulator.environment)
        workspace.use(server.environment)
        ended = subprocess.run(
            [*failing, sys.executable, *SCRIPT, *OPTIONS, "--json"],
            cwd=workspace.folder,
            env=workspace.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 3, ended.stderr
        report = Outcome(ended.returncode, ended.stdout, ended.stderr).report
        answered = simulator.stats().texts_answered
        assert report["texts_embedded"] + report["texts_lost"] == answered
        assert 0 < report["texts_lost"] <= CONCURRENCY * BATCH
        with closing(sqlite3.connect(workspace.store / "waypoint.sqlite3")) as ledger:
            (used,) = ledger.execute("SELECT sum(texts) FROM usage").fetchone()
        assert used == answered - report["texts_lost_uncounted"]
        assert 0 < report["cost_lost_usd"] < report["cost_usd"]
        assert f"{report['texts_lost']} texts (" in ended.stderr
        assert "could not be saved" in ended.stderr
        workspace.report_of(*OPTIONS)
        again = sum(simulator.answers().values()) - len(simulator.answers())
        assert again == report["texts_lost"]
