"""The real command in a process of its own, in a folder and an environment of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from tests.support.processes import command_line, is_alive

PROJECT = Path(__file__).resolve().parents[2]
PYTHONPATH = os.pathsep.join([str(PROJECT), str(PROJECT / "tests" / "support" / "as_installed")])
SCRIPT = (str(PROJECT / "scripts" / "ingest.py"),)
MODULE = ("-m", "waypoint", "ingest")
VERIFY = ("-m", "waypoint", "verify")

RUN_TIMEOUT = 120.0
"""Seconds; a run of these tests takes a few, but the machine may be busy."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """The report of ``--json``; fails unless stdout is that one document and nothing else."""
        report: dict[str, Any] = orjson.loads(self.stdout)
        return report


class Workspace:
    """A folder with a knowledge base, a store and logs, and the environment of its commands.

    ``timeout``: seconds that a command may take.
    """

    def __init__(self, folder: Path, *, timeout: float = RUN_TIMEOUT) -> None:
        self._timeout = timeout
        self.folder = folder
        self.knowledge_base = folder / "knowledge base"
        self.store = folder / "chroma_db"
        self.logs = folder / "logs"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")
        }
        # The defaults of store and logs are what is used: they lie in the working folder.
        self.environment |= {
            "HOME": str(folder),
            "PYTHONPATH": PYTHONPATH,
            "KNOWLEDGE_BASE_PATH": str(self.knowledge_base),
            "COLUMNS": "200",
        }
        self.knowledge_base.mkdir(parents=True, exist_ok=True)

    def use(self, environment: Mapping[str, str]) -> None:
        """Add to the environment of all commands to come."""
        self.environment |= environment

    def run(self, *arguments: str, entry: tuple[str, ...] = SCRIPT) -> Outcome:
        """Run ``ingest`` to its end."""
        ended = subprocess.run(
            [sys.executable, *entry, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self._timeout,
            check=False,
        )
        return Outcome(ended.returncode, ended.stdout, ended.stderr)

    def report_of(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run ``ingest --json``, which is to end with ``code``; returns its report."""
        outcome = self.run(*arguments, "--json")
        assert outcome.code == code, outcome.stderr
        return outcome.report

    @contextmanager
    def start(self, *arguments: str, entry: tuple[str, ...] = SCRIPT) -> Iterator[RunningCommand]:
        """Run ``ingest`` beside the test; what is left of it is killed at the end."""
        log = self.folder / "stderr.txt"
        with (
            log.open("wb") as stderr,
            subprocess.Popen(
                [sys.executable, *entry, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
            ) as process,
        ):
            running = RunningCommand(process, log)
            try:
                yield running
            finally:
                running.kill_all()


class RunningCommand:
    """A command that runs beside the test."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._family: dict[int, psutil.Process] = {}

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def stderr(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command alone, after having noted its children."""
        self.children()
        self._process.send_signal(number)

    def wait(self) -> Outcome:
        """Wait for its end."""
        stdout, _ = self._process.communicate(timeout=RUN_TIMEOUT)
        return Outcome(self._process.returncode, stdout.decode(), self.stderr)

    def children(self) -> list[psutil.Process]:
        """Its children, and theirs, that are alive."""
        # One that ends while it is asked is none of them any more; the command itself may, too.
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.pid).children(recursive=True):
                self._family[child.pid] = child
        return [child for child in self._family.values() if is_alive(child)]

    def has_child(self, name: str) -> bool:
        """Whether a child is alive with that in its command line."""
        return any(name in " ".join(command_line(child)) for child in self.children())

    def kill_children(self) -> None:
        """All that are alive, and theirs."""
        for child in self.children():
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def orphans(self, timeout: float = 60.0) -> list[psutil.Process]:
        """Children noted before that are still alive after ``timeout`` seconds."""
        _, alive = psutil.wait_procs(list(self._family.values()), timeout=timeout)
        return alive

    def kill_all(self) -> None:
        """Leave nothing behind, however the test went."""
        if self._process.poll() is None:
            self.children()
            self._process.kill()
        self.kill_children()
