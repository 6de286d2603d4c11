"""Real Chroma servers for tests: ours, and the one of the ``chroma`` command."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from waypoint.storage.chroma_child import HOST, run_chroma_child
from waypoint.storage.lock import StoreLock

_PATIENCE = 30.0


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
    port = free_port()
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(folder)]
    command += ["--host", HOST, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)  # it tells nobody when it listens
        else:
            return
    raise AssertionError(f"chroma run does not listen on {port}: status {process.poll()}")
