"""What a run says goes nowhere: its reader is gone, the disk full, the stream closed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import orjson
import pytest

from tests.support.background_simulator import BackgroundSimulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import RUN_TIMEOUT, SCRIPT, Workspace
from tests.support.fixtures import simulator_fixture, workspace_fixture
from tests.support.waiting import wait_until

TEXTS = 90
FULL = Path("/dev/full")
WORDY = {"LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG", "BATCH_SIZE": "5", "CONCURRENCY": "2"}


simulator = simulator_fixture(latency_ms=100)
"""Slow enough for a reader to leave in the middle."""


workspace = workspace_fixture(documents=9, sections=10, **WORDY)
"""90 chunks, and a run that has much to say about them."""


def assert_whole(workspace: Workspace, simulator: BackgroundSimulator) -> None:
    """Everything is there, and was embedded once."""
    chunks = chunks_of(workspace.knowledge_base)
    assert_holds(read_embedded(workspace.store, workspace.logs), chunks)
    assert simulator.stats().texts_answered == TEXTS


@contextmanager
def left_alone(workspace: Workspace, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run whose first line was read, and whose streams nobody reads any more."""
    with subprocess.Popen(
        [sys.executable, *SCRIPT, *arguments],
        cwd=workspace.folder,
        env=workspace.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        streams: Sequence[IO[bytes] | None] = (process.stderr, process.stdout)
        assert process.stderr is not None
        assert process.stderr.readline()
        for stream in streams:
            assert stream is not None
            stream.close()
        try:
            yield process
        finally:
            process.kill()


def test_a_run_outlives_its_readers(workspace: Workspace, simulator: BackgroundSimulator) -> None:
    """As with ``| head``: it goes on to its end, and says in its report how that was."""
    with left_alone(workspace, "--json") as process:
        assert process.wait(RUN_TIMEOUT) == 0
    (report,) = workspace.logs.glob("run-*.json")
    assert orjson.loads(report.read_bytes())["texts_embedded"] == TEXTS
    assert_whole(workspace, simulator)


def test_it_drains_although_nobody_is_told(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """As with ``| tee`` and Ctrl-C, which ends both: what is in flight is stored."""
    with left_alone(workspace) as process:
        wait_until(lambda: simulator.stats().texts_answered >= 10)
        process.send_signal(signal.SIGINT)
        assert process.wait(RUN_TIMEOUT) == 130
    assert simulator.stats().texts_answered < TEXTS
    assert workspace.run().code == 0
    assert_whole(workspace, simulator)


@pytest.mark.parametrize(
    ("redirection", "code"), [(">/dev/full 2>&1", 3), (">&- 2>&-", 0)], ids=["full", "closed"]
)
@pytest.mark.parametrize("python", [[], ["-u"]], ids=["buffered", "unbuffered"])
def test_streams_that_take_nothing(
    workspace: Workspace,
    simulator: BackgroundSimulator,
    redirection: str,
    code: int,
    python: list[str],
) -> None:
    """Nothing is lost but what would have been said; a report that is cut is no success."""
    if not FULL.exists():
        pytest.skip("there is no /dev/full here")
    run = [sys.executable, *python, *SCRIPT, "--json"]
    for _ in range(2):
        ended = subprocess.run(
            ["sh", "-c", f'exec "$@" {redirection}', "sh", *run],
            cwd=workspace.folder,
            env=workspace.environment,
            timeout=RUN_TIMEOUT,
            check=False,
        )
        assert ended.returncode == code
    assert_whole(workspace, simulator)


def test_what_is_cut_off_is_told(workspace: Workspace) -> None:
    """On stderr, and by the exit code: what follows in a script must not take it for the whole."""
    if not FULL.exists():
        pytest.skip("there is no /dev/full here")
    document = next(workspace.knowledge_base.rglob("*.md"))
    with FULL.open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "waypoint", "inspect", "--json", str(document)],
            cwd=workspace.folder,
            env=workspace.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=RUN_TIMEOUT,
            check=False,
        )
    assert ended.returncode == 3
    (line,) = ended.stderr.splitlines()
    assert orjson.loads(line)["message"] == (
        "error: stdout could not be written: No space left on device"
    )
