"""Interrupted, the run drains or ends at once; it resumes later and embeds nothing twice."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import SCRIPT, RunningCommand, Workspace
from tests.support.corpus import write_corpus
from tests.support.fixtures import simulator_fixture, workspace_fixture
from tests.support.waiting import wait_until

CONCURRENCY, BATCH = 3, 5
PACE = ("--concurrency", str(CONCURRENCY), "--batch-size", str(BATCH), "--json")
TEXTS = 90
NOHUP = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
import sys
from waypoint.cli import main
main(["ingest", *sys.argv[1:]])
"""


@pytest.fixture(autouse=True)
def hangup() -> Iterator[None]:
    """Also where the tests themselves run under ``nohup``, which children inherit."""
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, inherited)


simulator = simulator_fixture(latency_ms=150)
"""Slow enough to be interrupted."""


workspace = workspace_fixture(documents=9, sections=10)
"""90 chunks, not yet ingested."""


def wait_for_calls(running: RunningCommand, simulator: BackgroundSimulator) -> None:
    """Until some texts are answered and every worker has a call in flight."""

    def under_way() -> bool:
        assert running.alive, running.stderr
        stats = simulator.stats()
        return stats.texts_answered >= 10 and stats.calls_in_flight == CONCURRENCY

    wait_until(under_way)


def hang(simulator: BackgroundSimulator) -> None:
    """Leave every worker with a call that is never answered."""
    simulator.configure(faults={"hang": 1.0})
    wait_until(lambda: simulator.stats().faults.get("hang", 0) == CONCURRENCY)


def finish(workspace: Workspace, simulator: BackgroundSimulator) -> int:
    """Run again to the end, compare the whole, and return the number of texts that cost."""
    simulator.configure(latency_ms=0, faults={})
    report = workspace.report_of(*PACE[:-1])
    collection = read_embedded(workspace.store, workspace.logs)
    assert_holds(collection, chunks_of(workspace.knowledge_base))
    return int(report["texts_embedded"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_drains(
    workspace: Workspace, simulator: BackgroundSimulator, number: signal.Signals
) -> None:
    """What is in flight is awaited, committed and stored; then 130, and nothing is left running."""
    with workspace.start(*PACE) as running:
        wait_for_calls(running, simulator)
        running.signal(number)
        outcome = running.wait()
        assert running.orphans() == []
    assert outcome.code == 130
    assert f"{number.name} received" in outcome.stderr
    assert "run the same command again" in outcome.stderr
    report = outcome.report
    assert report["exit_code"] == 130
    assert report["in_flight_at_end"] == 0
    assert report["texts_embedded"] == simulator.stats().texts_answered < TEXTS
    assert report["chunks"]["added"] == report["texts_embedded"]
    assert finish(workspace, simulator) == TEXTS - report["texts_embedded"]
    assert len(simulator.answers()) == TEXTS
    assert set(simulator.answers().values()) == {1}


def test_a_terminal_that_closes_drains(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """The signal may come twice, and nobody reads what is said any more."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *SCRIPT, *PACE[:-1]],
        cwd=workspace.folder,
        env=workspace.environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        wait_until(lambda: simulator.stats().texts_answered >= 10)
        os.close(master)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 130
    embedded = simulator.stats().texts_answered
    assert finish(workspace, simulator) == TEXTS - embedded
    assert set(simulator.answers().values()) == {1}


def test_nohup_is_heeded(workspace: Workspace, simulator: BackgroundSimulator) -> None:
    """Who ignores the signal wants the run to go on."""
    with workspace.start(*PACE, entry=("-c", NOHUP)) as running:
        wait_for_calls(running, simulator)
        running.signal(signal.SIGHUP)
        assert running.wait().code == 0
    assert simulator.stats().texts_answered == TEXTS


def test_the_second_signal_ends_at_once(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """Calls that hang are not waited for; what was embedded is kept, what was in flight is told."""
    with workspace.start(*PACE) as running:
        wait_for_calls(running, simulator)
        hang(simulator)
        running.signal(signal.SIGINT)
        wait_until(lambda: "stopping (SIGINT received)" in running.stderr)
        running.signal(signal.SIGINT)
        outcome = running.wait()
        assert running.orphans() == []
    assert outcome.code == 130
    report = outcome.report
    # Well below the grace time of 30 s and the calls' own limit of 60 s.
    assert report["in_flight_at_end"] == CONCURRENCY * BATCH
    assert f"{CONCURRENCY * BATCH} texts were in flight at the end" in outcome.stderr
    assert report["texts_embedded"] == simulator.stats().texts_answered
    assert finish(workspace, simulator) == TEXTS - report["texts_embedded"]
    assert set(simulator.answers().values()) == {1}


def test_a_kill_leaves_nothing_running(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """Beside it a second run is refused; after kill -9 its server ends, and the next goes on."""
    with workspace.start(*PACE) as running:
        wait_for_calls(running, simulator)
        hang(simulator)
        second = workspace.run()
        assert second.code == 3
        assert f"process {running.pid} " in second.stderr
        running.signal(signal.SIGKILL)
        assert running.wait().code == -signal.SIGKILL
        assert running.orphans() == []
    answered = simulator.stats().texts_answered
    assert finish(workspace, simulator) == TEXTS - answered
    assert len(simulator.answers()) == TEXTS
    assert set(simulator.answers().values()) == {1}


def has_both_servers(running: RunningCommand) -> bool:
    """The simulator and Chroma's."""
    return len(running.children()) == 2


def test_the_built_in_simulator_ends_with_the_run(tmp_path: Path) -> None:
    """Neither a signal nor a kill leaves it behind."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=2, sections=10)
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        # Twenty texts a minute: the run is under way for as long as it is not stopped.
        with workspace.start("--simulate", "--rpm", "20", "--batch-size", "1") as running:
            wait_until(partial(has_both_servers, running))
            running.signal(number)
            assert running.wait().code == code
            assert running.orphans() == []
