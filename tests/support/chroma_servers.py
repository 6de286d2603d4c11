"""Real Chroma servers for tests: ours, and the one of the ``chroma`` command."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import httpx2
import psutil
from anyio.from_thread import start_blocking_portal

from waypoint.storage.chroma.child import HOST, run_chroma_child
from waypoint.storage.lock import StoreLock

_PATIENCE = 30.0

_CHROMA = "import sys, chromadb_rust_bindings as it; it.cli(['chroma', *sys.argv[1:]])"
"""The ``chroma`` command, but for its import of chromadb, which takes longer than its start."""


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def private_server(folder: Path) -> Iterator[int]:
    """Waypoint's own child over a folder; its port."""
    with StoreLock(folder) as lock, start_blocking_portal() as portal:
        child = run_chroma_child(folder, folder, lock.descriptor)
        with portal.wrap_async_context_manager(child) as running:
            yield running.port


@contextmanager
def chroma_command(folder: Path) -> Iterator[int]:
    """``chroma run`` over a folder, as a user starts it; its port."""
    with ChromaCommand(folder) as server:
        yield server.port


class ChromaCommand:
    """``chroma run`` over a folder and on a port of its own, however often it is ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Bound, although nobody listens there: no other test's server is given that port while
        # this one is away, but whoever asks for it by number gets it.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind((HOST, 0))
        self.port: int = self._reserved.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes a command use it."""
        return {"CHROMA_HOST": HOST, "CHROMA_PORT": str(self.port)}

    def __enter__(self) -> ChromaCommand:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.end(signal.SIGTERM)
        self._reserved.close()

    def start(self) -> None:
        """Start it and return when it listens."""
        command = [
            sys.executable,
            "-c",
            _CHROMA,
            "run",
            "--path",
            str(self.folder),
            "--host",
            HOST,
            "--port",
            str(self.port),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _wait_for(self.port, self._process)

    def end(self, number: signal.Signals) -> None:
        """Send it a signal and wait until it is gone."""
        assert self._process is not None, "it is not running"
        self._process.send_signal(number)
        self._process.wait(_PATIENCE)
        self._process = None


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if _listens(process.pid, port):
            return
        time.sleep(0.02)  # it tells nobody when it listens
    raise AssertionError(f"chroma run does not listen on {port}: status {process.poll()}")


def _listens(pid: int, port: int) -> bool:
    """Whether it is that process, and no other test's, that answers there."""
    try:
        opened = psutil.Process(pid).net_connections("tcp4")
        if not any(it.status == psutil.CONN_LISTEN and it.laddr.port == port for it in opened):
            return False
        return httpx2.get(f"http://{HOST}:{port}/api/v2/heartbeat", timeout=1).is_success
    except (psutil.NoSuchProcess, httpx2.TransportError):
        return False
