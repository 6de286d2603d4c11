"""Processes that somebody stops or kills, and systems that have none left to give."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.background_simulator import background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import PROJECT, RunningCommand, Workspace
from tests.support.corpus import write_corpus
from tests.support.processes import command_line
from tests.support.waiting import wait_until

PARSER, SERVER = "worker_main", "chroma_server"


def children(run: RunningCommand, name: str) -> list[psutil.Process]:
    """Those with that in their command line."""
    return [child for child in run.children() if name in " ".join(command_line(child))]


def write_pages(folder: Path, count: int) -> None:
    """HTML, which is parsed in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        words = f"<p>The words of page {number}, and no other's.</p>"
        (folder / f"page_{number:03}.html").write_text(f"<h1>Page {number}</h1>{words}")


def test_parsers_that_somebody_kills_cost_nothing(tmp_path: Path) -> None:
    """Each is started again, and its document read: none is rejected."""
    workspace = Workspace(tmp_path)
    write_pages(workspace.knowledge_base / "pages", 300)
    with background_simulator() as simulator:
        workspace.use(simulator.environment)
        with workspace.start("--json", "--batch-size", "10") as run:
            killed: set[int] = set()
            for kills in range(1, 4):
                goal = 60 * kills
                wait_until(lambda: not run.alive or simulator.stats().texts_answered >= goal)  # noqa: B023
                for parser in children(run, PARSER):
                    with suppress(psutil.NoSuchProcess):
                        parser.kill()
                        killed.add(parser.pid)
            outcome = run.wait()
        assert killed
        assert outcome.code == 0, outcome.stderr
        assert set(simulator.answers().values()) == {1}
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )


@pytest.mark.slow
@pytest.mark.parametrize("who", ["", SERVER, PARSER])
def test_a_process_that_stands_still_for_a_minute(tmp_path: Path, who: str) -> None:
    """The worker, its private server or a parser: the run goes on to its end, and no text that
    was answered is sent again."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=20, sections=10)
    write_pages(workspace.knowledge_base / "pages", 100)
    with background_simulator(latency_ms=100) as simulator:
        workspace.use(simulator.environment)
        options = ("--batch-size", "5", "--concurrency", "2", "--parse-timeout", "120")
        with workspace.start("--json", *options) as run:
            wait_until(lambda: not run.alive or simulator.stats().texts_answered >= 40)
            assert run.alive, run.stderr
            stopped = children(run, who) if who else [psutil.Process(run.pid)]
            assert stopped
            for process in stopped:
                process.suspend()
            time.sleep(65)  # nothing tells when a minute is over
            for process in stopped:
                process.resume()
            outcome = run.wait()
        assert outcome.code == 0, outcome.stderr
        assert set(simulator.answers().values()) == {1}
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )


def limited(limit: str, value: int) -> tuple[str, ...]:
    """The ingest command within a limit: for root, as a user to whom limits apply."""
    lines = (
        "import os, resource, sys",
        f"resource.setrlimit(resource.{limit}, ({value}, {value}))",
        f"command = [sys.executable, {str(PROJECT / 'scripts' / 'ingest.py')!r}, *sys.argv[1:]]",
        "user = ['setpriv', '--reuid=54321', '--regid=54321', '--clear-groups',"
        " '--inh-caps=+dac_override', '--ambient-caps=+dac_override',"
        " '--bounding-set=-all,+dac_override']",
        "command = command if os.getuid() else [*user, *command]",
        "os.execvp(command[0], command)",
    )
    return ("-c", "; ".join(lines))


def check_limit(folder: Path, limit: str, value: int) -> int:
    """A run within it says what it lacks, or ends whole; the next, without, ends whole."""
    # Just above what the server needs to start it may still hang there: two waits of 120 s.
    workspace = Workspace(folder, timeout=600)
    write_corpus(workspace.knowledge_base, documents=2, sections=4)
    write_pages(workspace.knowledge_base / "pages", 2)
    with background_simulator() as simulator:
        workspace.use(simulator.environment)
        workspace.use({"CHROMA_GIVE_UP_AFTER": "3"})
        outcome = workspace.run(entry=limited(limit, value))
        assert outcome.code in (0, 1, 3), outcome.stderr
        for words in ("Traceback", "unexpected", "defect"):
            assert words not in outcome.stderr, outcome.stderr
        assert workspace.run().code == 0
        assert set(simulator.answers().values()) == {1}
    assert not list(workspace.store.glob("quarantine-*"))
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )
    return outcome.code


needs_limits = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("setpriv") is None, reason="needs setpriv, on Linux"
)


@needs_limits
@pytest.mark.slow
@pytest.mark.timeout(4 * 3_600)
@pytest.mark.parametrize(
    ("limit", "values"),
    [
        ("RLIMIT_NPROC", range(1, 40)),
        ("RLIMIT_AS", range(100 << 20, 2_000 << 20, 50 << 20)),
    ],
)
def test_a_run_within_any_limit_says_so_or_ends_whole(
    tmp_path: Path, limit: str, values: range
) -> None:
    """Processes and threads, or memory; one after another."""
    codes = {value: check_limit(tmp_path / str(value), limit, value) for value in values}
    assert set(codes.values()) >= {0, 3}, codes
