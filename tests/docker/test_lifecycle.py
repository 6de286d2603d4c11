"""Signals, terminals and health: how a container's run is seen and ended from outside."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.docker.project import (
    DOCUMENTS,
    OTHER_USER,
    Project,
    docker,
    report_of,
    stop,
    texts_embedded,
)

pytestmark = pytest.mark.docker

SLOW = ("--rpm", "60")
"""Two minutes and a half for the sample: never done before it is stopped."""
INTERRUPTED = 130
KILLED = 137
CTRL_C = b"\x03"
_SIGNAL_PYTHON = """
import os, signal, pathlib
for entry in pathlib.Path("/proc").glob("[0-9]*"):
    command = (entry / "cmdline").read_bytes().split(b"\\0")
    if b"scripts/ingest.py" in command and int(entry.name) != 1:
        os.kill(int(entry.name), signal.{})
"""


def test_demo_is_stopped_goes_on_and_is_verified(image: str, tmp_path: Path) -> None:
    """A stopped run drains, the next goes on, nothing is embedded twice, and a verification passes.

    All of it without a key, and by a user of the host that the image doesn't know: afterwards
    all files are that user's.
    """
    project = Project(tmp_path / "project", user=OTHER_USER)
    try:
        container = project.start("run", "demo", *SLOW)
        project.wait_for_event("texts_embedded")
        assert stop(container) == INTERRUPTED

        rest = report_of(project.compose("run", "--rm", "demo", "--json"))
        assert rest["documents"]["found"] == DOCUMENTS
        stopped = project.reports()[0]
        assert stopped["texts_embedded"] > 0
        # The sample repeats no text: so each was embedded once, whichever run it was.
        assert (
            texts_embedded(project.reports())
            == rest["chunks"]["added"] + stopped["chunks"]["added"]
        )

        again = report_of(project.compose("run", "--rm", "demo", "--json"))
        assert again["documents"]["unchanged"] == DOCUMENTS
        assert again["calls"]["started"] == 0

        verify = ("--profile", "verify", "run", "--rm", "verify", "/app/examples/knowledge_base")
        verdict = report_of(
            project.compose(*verify, "--simulate", "--json", KNOWLEDGE_BASE_DIR="./examples")
        )
        assert verdict["passed"] is True
        assert {check["status"] for check in verdict["checks"]} <= {"PASS", "INFO"}
        assert project.owners("chroma_db", "logs") == {project.user}
    finally:
        project.down()


def test_healthcheck_tells_a_live_run_from_a_hung_one(project: Project) -> None:
    """As Docker would be told; a run that goes on again is healthy again."""
    container = project.start("run", "ingestion", "--simulate", *SLOW)
    project.wait_for_event("texts_embedded")
    assert _health(container) == 0
    _signal(container, "SIGSTOP")
    assert _health(container) == 1
    _signal(container, "SIGCONT")
    assert _health(container) == 0
    docker("rm", "--force", container)


def test_early_stop_is_not_ignored(project: Project) -> None:
    """A stop that comes before the program has its handlers ends it all the same."""
    container = project.start("run", "--no-deps", "ingestion", "--simulate")
    assert stop(container) != KILLED


def test_terminal_shows_the_display_and_ctrl_c_ends_the_run(project: Project) -> None:
    """On a terminal: colours, a live display, Ctrl-C drains. Without: plain lines, exit code 0."""
    command = ["docker", "compose", "run", "--rm", "ingestion", "--concurrency", "8"]
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    run = subprocess.Popen(
        [*command, "--simulate", *SLOW],
        cwd=project.folder,
        env=project.variables(TERM="xterm-256color"),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = b""
    try:
        while chunk := _read(leader):
            shown += chunk
            if re.search(rb"\x1b\[\d*[AFG]", shown):
                # The display has gone back over its own lines: it lives.
                break
        project.wait_for_event("texts_embedded")
        os.write(leader, CTRL_C)
        while chunk := _read(leader):
            shown += chunk
        assert run.wait(timeout=60) == INTERRUPTED, shown[-2000:]
    finally:
        run.kill()
        run.wait()
        os.close(leader)
    assert b"Traceback" not in shown

    done = project.compose("run", "ingestion", "--concurrency", "8", "--simulate")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "done; report: " in done.stderr


def _health(container: str) -> int:
    """What Docker's HEALTHCHECK would be told."""
    check = ["docker", "exec", container, "python", "-S", "scripts/healthcheck.py"]
    return subprocess.run(check, capture_output=True, check=False).returncode


def _signal(container: str, name: str) -> None:
    docker("exec", container, "python", "-S", "-c", _SIGNAL_PYTHON.format(name))


def _read(leader: int) -> bytes:
    """What the terminal shows next; nothing once its other end is closed."""
    try:
        return os.read(leader, 65536)
    except OSError:
        return b""
