"""A Chroma server that is killed, stopped and started again beneath a worker that goes on."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.chroma_servers import ChromaCommand
from tests.support.collection import assert_holds, chunks_of, read_from
from tests.support.command import RunningCommand, Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until

CONCURRENCY = 4
BATCH = 8
OPTIONS = ("--concurrency", str(CONCURRENCY), "--batch-size", str(BATCH))
LATENCY_MS = 150


@dataclass(frozen=True, slots=True)
class Bench:
    """A knowledge base of 800 chunks, a server to write them to, and a slow simulator."""

    workspace: Workspace
    server: ChromaCommand
    simulator: BackgroundSimulator

    def repeated(self) -> int:
        """Answers beyond the first, over all texts."""
        return sum(count - 1 for count in self.simulator.answers().values())

    def assert_whole(self) -> None:
        """The collection is what a first run over the folder would make."""
        assert_holds(
            anyio.run(read_from, self.server.url), chunks_of(self.workspace.knowledge_base)
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """All running."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=40, sections=20)
    with (
        background_simulator(latency_ms=LATENCY_MS) as simulator,
        ChromaCommand(tmp_path / "server") as server,
    ):
        workspace.use(simulator.environment)
        workspace.use(server.environment)
        yield Bench(workspace, server, simulator)


Blow = Callable[[RunningCommand, Bench], None]


def kill_server(run: RunningCommand, bench: Bench) -> None:
    """The server dies, in the middle of a write if there is one, and comes back."""
    bench.server.end(signal.SIGKILL)
    bench.server.start()


def stop_server(run: RunningCommand, bench: Bench) -> None:
    """The server is stopped, as an upgrade would, and comes back."""
    bench.server.end(signal.SIGTERM)
    bench.server.start()


def kill_worker(run: RunningCommand, bench: Bench) -> None:
    """The worker dies; the server lives on."""
    run.signal(signal.SIGKILL)
    run.wait()


def kill_both(run: RunningCommand, bench: Bench) -> None:
    """The server dies and its worker, which is about to notice, with it."""
    bench.server.end(signal.SIGKILL)
    kill_worker(run, bench)
    bench.server.start()


RUNS: tuple[tuple[Blow, ...], ...] = (
    (kill_server, stop_server, kill_worker),
    (stop_server, kill_server, kill_both),
    (kill_server, kill_server, kill_worker),
    (stop_server, kill_server, kill_both),
)
"""What happens to each run, in turn; 12 blows in all."""


def await_beginning(run: RunningCommand) -> None:
    """Wait until a run has opened its store."""
    wait_until(lambda: not run.alive or "at the start" in run.stderr)


def await_moment(run: RunningCommand, bench: Bench, draw: random.Random) -> None:
    """Wait for a moment of a run: when the server writes, or after so many further answers."""
    goal = bench.simulator.stats().texts_answered + draw.randrange(1, 2 * CONCURRENCY * BATCH)
    database = bench.server.folder / "chroma.sqlite3"
    written = database.stat().st_mtime_ns
    if draw.random() < 0.5:
        wait_until(lambda: not run.alive or database.stat().st_mtime_ns != written)
    else:
        wait_until(lambda: not run.alive or bench.simulator.stats().texts_answered >= goal)


@pytest.mark.timeout(600)
def test_a_run_outlives_its_server_and_a_server_its_run(bench: Bench) -> None:
    """What a server's death interrupts is written again; no more is embedded than a kill costs."""
    # On a busy machine a run may get far before its blow is dealt: enough for all of them.
    write_corpus(bench.workspace.knowledge_base, documents=240, sections=20)
    draw = random.Random(20261123)
    worker_kills = 0
    for number, blows in enumerate(RUNS):
        with bench.workspace.start(*OPTIONS) as run:
            # A server that is not there when a run begins is rightly an error.
            await_beginning(run)
            for blow in blows:
                await_moment(run, bench, draw)
                assert run.alive, f"run {number} ended before {blow.__name__}: {run.stderr}"
                blow(run, bench)
        worker_kills += 1
        # Only the worker's own death may cost anything, and only what was in flight.
        assert bench.repeated() <= worker_kills * CONCURRENCY * BATCH
    bench.workspace.report_of(*OPTIONS)
    assert bench.repeated() <= worker_kills * CONCURRENCY * BATCH
    bench.assert_whole()
    assert bench.workspace.report_of(*OPTIONS)["chunks"]["added"] == 0


@pytest.mark.timeout(300)
def test_one_run_goes_on_to_its_end_over_restarts(bench: Bench) -> None:
    """Neither a stop nor a kill of the server ends the run, and nothing is sent twice."""
    draw = random.Random(20261124)
    with bench.workspace.start(*OPTIONS, "--json") as run:
        for blow in (stop_server, kill_server):
            await_moment(run, bench, draw)
            assert run.alive, run.stderr
            blow(run, bench)
        outcome = run.wait()
    assert outcome.code == 0, outcome.stderr
    assert outcome.report["texts_embedded"] == bench.simulator.stats().texts_answered
    assert bench.repeated() == 0
    bench.assert_whole()


@pytest.mark.timeout(300)
def test_a_server_that_stays_away_ends_the_run_and_costs_nothing(bench: Bench) -> None:
    """Exit 3 with the hint; all that was answered is kept, and the next run goes on."""
    bench.workspace.use({"CHROMA_GIVE_UP_AFTER": "3"})
    with bench.workspace.start(*OPTIONS, "--json") as run:
        wait_until(lambda: not run.alive or bench.simulator.stats().texts_answered > 10 * BATCH)
        assert run.alive, run.stderr
        bench.server.end(signal.SIGKILL)
        outcome = run.wait()
    assert outcome.code == 3
    assert "Chroma did not answer" in outcome.stderr
    assert "see that the server runs" in outcome.stderr
    embedded = bench.simulator.stats().texts_answered
    assert outcome.report["texts_embedded"] == embedded
    assert outcome.report["in_flight_at_end"] == 0
    bench.server.start()
    report = bench.workspace.report_of(*OPTIONS)
    assert report["texts_embedded"] == len(chunks_of(bench.workspace.knowledge_base)) - embedded
    assert bench.repeated() == 0
    bench.assert_whole()
