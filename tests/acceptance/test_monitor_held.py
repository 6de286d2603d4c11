"""A run whose monitor is held by connections that say nothing, little or too slowly."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle
from pathlib import Path

import httpx2
import orjson
import psutil

from tests.acceptance.test_monitor import monitor_of
from tests.support.background_simulator import background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until

HELD = 200
KINDS = (
    b"",
    b"GET /hea",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
    b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
)
"""Nothing, half a request line, half a header, and answers that nobody reads."""


@contextmanager
def held(host: str, port: int) -> Iterator[None]:
    """So many connections, some of which come back when they are ended; headers drip on."""
    over = threading.Event()
    kinds = cycle(KINDS)

    def connect() -> socket.socket:
        made = socket.create_connection((host, port))
        made.setblocking(False)
        with suppress(OSError):
            made.sendall(next(kinds))
        return made

    def hold(connections: list[socket.socket]) -> None:
        while not over.wait(0.1):
            again = 20
            for number, each in enumerate(connections):
                try:
                    each.send(b"")
                    if number % len(KINDS) == 2:
                        each.send(b"x")
                    if each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                        raise ConnectionError
                except BlockingIOError:
                    pass
                except OSError:
                    if again:
                        again -= 1
                        each.close()
                        with suppress(OSError):
                            connections[number] = connect()

    with ExitStack() as stack:
        connections = [connect() for _ in range(HELD)]
        stack.callback(lambda: list(map(socket.socket.close, connections)))
        thread = threading.Thread(target=hold, args=(connections,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(over.set)
        yield


def test_health_answers_at_once_and_the_run_goes_on(tmp_path: Path) -> None:
    """With 200 of them held: within a second, in few files; nothing is lost or embedded twice."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=9, sections=10)
    with background_simulator(latency_ms=100) as simulator:
        workspace.use(simulator.environment)
        with workspace.start("--concurrency", "2", "--batch-size", "2", "--monitor-port", "0",
                             "--json") as running:  # fmt: skip
            url = httpx2.URL(monitor_of(running))
            wait_until(lambda: simulator.stats().texts_answered > 0)
            before = files_of(running.pid)
            with held(url.host, url.port or 0):
                seconds = list[float]()
                for _ in range(10):
                    began = time.monotonic()
                    answer = httpx2.get(f"{url}/health", timeout=20, trust_env=False)
                    assert answer.status_code == 200
                    seconds.append(time.monotonic() - began)
                    assert files_of(running.pid) < before + 80
                assert running.alive
                # Most of them: a machine that does something else keeps one of them longer.
                assert statistics.median(seconds) < 1
            ended = running.wait()
        assert ended.code == 0, ended.stderr
        assert orjson.loads(ended.stdout)["notices"] == []
        chunks = chunks_of(workspace.knowledge_base)
        assert_holds(read_embedded(workspace.store, workspace.logs), chunks)
        assert simulator.stats().texts_answered == 90


def files_of(pid: int) -> int:
    return int(psutil.Process(pid).num_fds())
