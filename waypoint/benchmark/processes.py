"""The processes beside a measured run: the simulator and a Chroma server of the benchmark's own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
import psutil

import waypoint
from waypoint.child_environment import child_environment, module_path
from waypoint.errors import ServiceUnavailableError, StoreUnavailableError
from waypoint.settings import Settings
from waypoint.storage.chroma import child as chroma_child

HOST = "127.0.0.1"
_PATIENCE = 30.0


def environment(**variables: str) -> dict[str, str]:
    """This process's environment with these variables, and none of a user's own settings."""
    settings = {name.upper() for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in settings}
    return {**inherited, "PYTHONPATH": str(Path(waypoint.__file__).parent.parent), **variables}


@dataclass(frozen=True, slots=True)
class Simulating:
    """How the simulator is to behave; 0 for no quota."""

    latency_ms: float = 200.0
    per_text_ms: float = 1.0
    jitter_ms: float = 0.0
    rpm: int = 0
    tpm: int = 0
    faults: tuple[str, ...] = ()
    """``NAME=RATE`` each, as ``simulate --fault``."""
    seed: int = 0
    quota_told: str = "limit"

    def arguments(self) -> list[str]:
        """As options of ``python -m waypoint.simulator``."""
        values = {
            "latency-ms": self.latency_ms,
            "latency-per-text-ms": self.per_text_ms,
            "latency-jitter-ms": self.jitter_ms,
            "rpm": self.rpm,
            "tpm": self.tpm,
            "seed": self.seed,
            "quota-told": self.quota_told,
        }
        options = [f"--{name}={value}" for name, value in values.items()]
        # What it would remember of each text is memory and time that no real service takes.
        return [*options, "--no-record-texts", *(f"--fault={fault}" for fault in self.faults)]

    def seconds_of(self, texts: int) -> float:
        """What a call of that many texts takes, without jitter."""
        return (self.latency_ms + self.per_text_ms * texts) / 1000


class SimulatorProcess:
    """A simulator in a process of its own; made by :func:`run_simulator`."""

    def __init__(self, process: subprocess.Popen[bytes], base_url: str) -> None:
        self.base_url = base_url
        self._process = psutil.Process(process.pid)
        self._client = httpx2.Client(base_url=base_url, timeout=_PATIENCE, trust_env=False)

    @property
    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def stats(self) -> dict[str, Any]:
        """Its counts since the start or the last reset."""
        answer = self._client.get("/_simulator/stats")
        answer.raise_for_status()
        stats: dict[str, Any] = orjson.loads(answer.content)
        return stats

    def configure(self, **changes: Any) -> None:
        """Change its settings while it runs."""
        self._client.post("/_simulator/settings", json=changes).raise_for_status()

    def reset(self) -> None:
        """Have it forget counts, and what its quotas have seen."""
        self._client.post("/_simulator/reset").raise_for_status()

    def close(self) -> None:
        self._client.close()


@contextmanager
def run_simulator(simulating: Simulating) -> Iterator[SimulatorProcess]:
    """A simulator for as long as the context is open.

    Raises:
        ServiceUnavailableError: it did not start.
    """
    command = [sys.executable, "-m", "waypoint.simulator", "--exit-with-stdin"]
    with _child([*command, *simulating.arguments()], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise ServiceUnavailableError(
                "the simulator did not start", hint="see its output above"
            )
        simulator = SimulatorProcess(process, orjson.loads(line)["base_url"])
        try:
            yield simulator
        finally:
            simulator.close()


@dataclass(frozen=True, slots=True)
class ChromaServer:
    """A Chroma server that is nobody's child but the benchmark's."""

    pid: int
    port: int


@contextmanager
def run_chroma_server(folder: Path) -> Iterator[ChromaServer]:
    """A Chroma server over a folder of its own for as long as the context is open.

    Raises:
        StoreUnavailableError: it does not listen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = Path(chroma_child.__file__).with_name("chroma_server.py")
    ready, told = os.pipe()
    try:
        command = [sys.executable, "-P", str(script), str(folder), HOST, "0", str(told)]
        with _child(command, stdout=subprocess.DEVNULL, pass_fds=(told,)) as process:
            os.close(told)
            # Readable when it listens, and when it has ended.
            readable, _, _ = select.select([ready], [], [], _PATIENCE)
            port = os.read(ready, 16) if readable else b""
            if not port:
                raise StoreUnavailableError(
                    f"a Chroma server does not start over {folder}", hint="see its output above"
                )
            yield ChromaServer(process.pid, int(port))
    finally:
        os.close(ready)


@contextmanager
def _child(
    command: Sequence[str], *, stdout: int, pass_fds: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that ends when its standard input does."""
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.PIPE,
        stdout=stdout,
        env=child_environment(PYTHONPATH=module_path()),
        pass_fds=pass_fds,
        # A terminal's Ctrl-C is for us: what we started must outlive what uses it.
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(chroma_child.STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
