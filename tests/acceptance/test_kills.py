"""SIGKILL at any moment, again and again, and the collection is what it would have been."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import RunningCommand, Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until

CONCURRENCY = 4
BATCH = 8
OPTIONS = ("--concurrency", str(CONCURRENCY), "--batch-size", str(BATCH))
KILLS = 12
"""In the gate, four of each kind; `make soak` has 300."""
LATENCY_MS = 150

DAMAGED = ("Chroma cannot ", "are damaged and were moved")
"""Words of a run that finds the store damaged, and goes on."""

Kill = Callable[[RunningCommand, BackgroundSimulator], None]


def kill_worker(run: RunningCommand, simulator: BackgroundSimulator) -> None:
    """The worker alone: its private server sees its standard input close, and ends."""
    run.signal(signal.SIGKILL)
    run.wait()
    assert not run.orphans(60), "the private server outlived its worker"


def kill_family(run: RunningCommand, simulator: BackgroundSimulator) -> None:
    """Worker and private server at once, so that Chroma, too, dies in the middle of a write."""
    run.signal(signal.SIGSTOP)
    run.kill_children()
    run.signal(signal.SIGKILL)
    run.wait()
    run.orphans(60)


def kill_server(run: RunningCommand, simulator: BackgroundSimulator) -> None:
    """The private server alone: the worker starts it again and goes on; then the worker."""
    run.kill_children()
    answered = simulator.stats().texts_answered
    wait_until(lambda: not run.alive or simulator.stats().texts_answered > answered + 2 * BATCH)
    kill_worker(run, simulator)


KINDS: tuple[Kill, ...] = (kill_worker, kill_family, kill_server)


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


@dataclass(frozen=True, slots=True)
class Toll:
    """What the kills over one corpus came to."""

    kills: int
    repeated: int
    """Answers beyond the first, over all texts."""
    mended: int
    """Runs that found the store damaged and wrote the collection anew."""


def kill_and_compare(
    workspace: Workspace, simulator: BackgroundSimulator, most_kills: int, draw: random.Random
) -> Toll:
    """Kill runs over the corpus that often, or until it is done; the end is as undisturbed."""
    kills, told = 0, []
    for number in range(most_kills):
        with workspace.start(*OPTIONS) as run:
            await_moment(run, simulator, draw)
            done = not run.alive
            if done:
                assert run.wait().code == 0, run.stderr
            else:
                kills += 1
                KINDS[number % len(KINDS)](run, simulator)
            told.append(run.stderr)
        # A kill of the server costs its worker nothing; the worker's own, what was in flight.
        # All kills together: what one had in flight may be sent again only after the next.
        assert repeated(simulator) <= kills * CONCURRENCY * BATCH
        if done:
            break
    last = workspace.run(*OPTIONS)
    assert last.code == 0, last.stderr
    told.append(last.stderr)
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )
    again = workspace.report_of(*OPTIONS)
    assert (again["texts_embedded"], again["chunks"]["added"]) == (0, 0)
    mended = sum(any(words in each for words in DAMAGED) for each in told)
    return Toll(kills, repeated(simulator), mended)


@pytest.mark.timeout(600)
def test_kills_over_one_corpus_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """After every kill at most what was in flight is sent again; the end is as undisturbed."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=60, sections=30)
    with background_simulator(latency_ms=LATENCY_MS) as simulator:
        workspace.use(simulator.environment)
        toll = kill_and_compare(workspace, simulator, KILLS, random.Random(20261123))
    assert toll.kills >= KILLS // 2, "the corpus is too small to be killed so often"
    assert toll.repeated <= toll.kills * CONCURRENCY * BATCH


def test_a_server_that_is_killed_while_it_starts_is_not_taken_for_damaged(tmp_path: Path) -> None:
    """It is started again over the same files; nothing is set aside."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=1, sections=2)
    with background_simulator() as simulator:
        workspace.use(simulator.environment)
        assert workspace.run().code == 0
        with workspace.start() as run:
            wait_until(lambda: bool(run.children()))
            run.kill_children()
            outcome = run.wait()
    assert outcome.code == 0, outcome.stderr
    assert not list(workspace.store.glob("quarantine-*"))


@pytest.mark.slow
def test_a_soak_of_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """300 of them (SOAK_KILLS) over one corpus after another; prints what they came to."""
    wanted = int(os.environ.get("SOAK_KILLS", "300"))
    draw = random.Random(wanted)
    began = time.monotonic()
    tolls: list[Toll] = []
    while (kills := sum(toll.kills for toll in tolls)) < wanted:
        workspace = Workspace(tmp_path / f"corpus {len(tolls)}")
        write_corpus(workspace.knowledge_base, documents=60, sections=30, seed=len(tolls))
        with background_simulator(latency_ms=LATENCY_MS) as simulator:
            workspace.use(simulator.environment)
            tolls.append(kill_and_compare(workspace, simulator, min(30, wanted - kills), draw))
    with capsys.disabled():
        print(
            f"\n{kills} kills over {len(tolls)} corpora of 1,800 chunks in "
            f"{(time.monotonic() - began) / 60:.1f} min: "
            f"{sum(toll.repeated for toll in tolls)} texts answered twice "
            f"(at most {kills * CONCURRENCY * BATCH:,}), "
            f"{sum(toll.mended for toll in tolls)} wedged stores mended"
        )
