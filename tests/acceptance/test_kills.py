"""SIGKILL at any moment, again and again, and the collection is what it would have been."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import RunningCommand, Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until

CONCURRENCY = 4
BATCH = 8
OPTIONS = ("--concurrency", str(CONCURRENCY), "--batch-size", str(BATCH))
KILLS = 30
LATENCY_MS = 150

Kill = Callable[[RunningCommand, BackgroundSimulator], None]


def kill_worker(run: RunningCommand, simulator: BackgroundSimulator) -> None:
    """The worker alone: its private server sees its standard input close, and ends."""
    run.signal(signal.SIGKILL)
    run.wait()
    assert not run.orphans(60), "the private server outlived its worker"


def kill_family(run: RunningCommand, simulator: BackgroundSimulator) -> None:
    """Worker and private server at once, so that Chroma, too, dies in the middle of a write."""
    worker = psutil.Process(run.pid)
    worker.suspend()
    for child in run.children():
        child.kill()
    run.signal(signal.SIGKILL)
    run.wait()
    run.orphans(60)


def kill_server(run: RunningCommand, simulator: BackgroundSimulator) -> None:
    """The private server alone: the worker starts it again and goes on; then the worker."""
    for child in run.children():
        child.kill()
    answered = simulator.stats().texts_answered
    wait_until(lambda: not run.alive or simulator.stats().texts_answered > answered + 2 * BATCH)
    kill_worker(run, simulator)


KINDS: tuple[Kill, ...] = (kill_worker, kill_family, kill_server)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A knowledge base of 1,800 chunks."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=60, sections=30)
    return workspace


def await_moment(run: RunningCommand, simulator: BackgroundSimulator, draw: random.Random) -> None:
    """Wait for a moment of a run: while it starts, or after so many further answers."""
    if draw.random() < 0.2:
        wait_until(lambda: not run.alive or bool(run.children()))
        return
    goal = simulator.stats().texts_answered + draw.randrange(1, 2 * CONCURRENCY * BATCH)
    wait_until(lambda: not run.alive or simulator.stats().texts_answered >= goal)


def repeated(simulator: BackgroundSimulator) -> int:
    """Answers beyond the first, over all texts."""
    return sum(count - 1 for count in simulator.answers().values())


@pytest.mark.timeout(600)
def test_thirty_kills_over_one_corpus_lose_and_repeat_nothing(workspace: Workspace) -> None:
    """After every kill at most what was in flight is sent again; the end is as undisturbed."""
    draw = random.Random(20261123)
    with background_simulator(latency_ms=LATENCY_MS) as simulator:
        workspace.use(simulator.environment)
        kills = 0
        for number in range(KILLS):
            before = repeated(simulator)
            with workspace.start(*OPTIONS) as run:
                await_moment(run, simulator, draw)
                if not run.alive:
                    break
                kills += 1
                KINDS[number % len(KINDS)](run, simulator)
            # A kill of the server costs its worker nothing; the worker's own, what was in flight.
            assert repeated(simulator) - before <= CONCURRENCY * BATCH
        report = workspace.report_of(*OPTIONS)
        assert kills >= KILLS // 2, "the corpus is too small to be killed so often"
        assert repeated(simulator) <= kills * CONCURRENCY * BATCH
        assert_holds(
            read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
        )
        assert any("killed" in notice for notice in report["notices"])
        assert workspace.report_of(*OPTIONS)["texts_paid"] == 0
