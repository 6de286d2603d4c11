"""The monitor's server, on the loop of whoever runs, over real connections."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import orjson
import psutil
import pytest

from tests.support.monitoring import QUOTA, SOME_WORK
from waypoint.monitor import connections
from waypoint.monitor.connections import MOST_CONNECTIONS
from waypoint.monitor.monitor import Monitor
from waypoint.observe import events
from waypoint.observe.events import Event, EventBus, MonitorFailed, MonitorReady
from waypoint.observe.gauges import Gauges
from waypoint.observe.progress import Progress
from waypoint.observe.status import RunStatus


class Watched:
    """A run that is told by hand, with a monitor beside it."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, allowed: tuple[str, ...] = ()
    ) -> None:
        self.bus = EventBus()
        self.told: list[Event] = []
        self.gauges = Gauges()
        progress = Progress()
        self.status = RunStatus(progress, self.gauges, lambda: QUOTA, 90.0)
        self.monitor = Monitor(self.status, self.bus, host, port, allowed)
        for listener in (progress, self.told.append):
            self.bus.subscribe(listener)

    @property
    def url(self) -> str:
        (url,) = [event.url for event in self.told if isinstance(event, MonitorReady)]
        return url

    @property
    def failures(self) -> list[str]:
        return [event.reason for event in self.told if isinstance(event, MonitorFailed)]

    def end(self) -> None:
        self.bus.emit(events.RunEnded(0, 0, "", "", 1.0))

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        async with httpx2.AsyncClient(base_url=self.url, timeout=20) as client:
            yield client


@dataclass(frozen=True)
class Sent:
    """A server-sent event."""

    name: str
    number: str
    data: Any


async def stream(client: httpx2.AsyncClient) -> AsyncIterator[Sent]:
    """The events of the page's feed, read as the standard has it."""
    async with client.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                data = orjson.loads(fields["data"])
                yield Sent(fields["event"], fields.get("id", ""), data)
                fields = {}


async def test_everything_there_is_to_look_at() -> None:
    """The page with its files, health and metrics; each may be asked for, none told anything."""
    watched = Watched()
    async with watched.monitor.beside(), watched.client() as client:
        watched.bus.emit(SOME_WORK[0])
        for path, kind in (
            ("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript"),
            ("/chart.js", "text/javascript"), ("/health", "application/json"),
            ("/metrics", "text/plain"), ("/events", "text/event-stream"),
        ):  # fmt: skip
            head = await client.head(path)
            assert (head.status_code, head.headers["content-type"].split(";")[0]) == (200, kind)
            assert "default-src 'none'" in head.headers["content-security-policy"]
            assert head.headers["cache-control"] == "no-store"
            assert head.headers["x-content-type-options"] == "nosniff"
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                assert (await client.request(method, path)).status_code == 405
        assert (await client.get("/../settings.py")).status_code == 404
        assert (await client.get("/health")).json()["status"] == "starting"
        assert "waypoint_healthy 1.0" in (await client.get("/metrics")).text
        watched.end()
    assert watched.failures == []


async def test_only_names_of_this_machine_are_answered_to() -> None:
    """Else a page elsewhere could read it by a name of its own that leads here."""
    watched = Watched()
    async with watched.monitor.beside(), watched.client() as client:
        port = client.base_url.port
        for host, status in (
            (f"127.0.0.1:{port}", 200), (f"localhost:{port}", 200), ("localhost", 200),
            ("evil.example", 400), (f"127.0.0.1.evil.example:{port}", 400), ("", 400),
        ):  # fmt: skip
            answer = await client.get("/health", headers={"host": host})
            assert answer.status_code == status, host
        watched.end()


async def test_a_proxys_name_is_answered_where_it_was_given() -> None:
    watched = Watched(allowed=("waypoint.example.org", "*.proxied"))
    async with watched.monitor.beside(), watched.client() as client:
        for host, status in (
            ("waypoint.example.org", 200),
            ("a.proxied", 200),
            ("127.0.0.1", 200),
            ("evil.example.org", 400),
        ):
            answer = await client.get("/metrics", headers={"host": host})
            assert answer.status_code == status, host
        watched.end()


async def test_a_page_is_told_the_whole_and_then_what_is_new() -> None:
    """Also one that comes back; at the end the report's figures, and then nothing more."""
    watched = Watched()
    seen: list[Sent] = []
    enough = anyio.Event()

    async def look(*, until: str) -> None:
        async with watched.client() as client:
            async for sent in stream(client):
                seen.append(sent)
                if len(seen) == 7:
                    enough.set()
                if sent.name == until:
                    return

    async with anyio.create_task_group() as group, watched.monitor.beside():
        for event in SOME_WORK:
            watched.bus.emit(event)
        await look(until="state")
        await look(until="state")
        group.start_soon(lambda: look(until="nothing"))
        with anyio.fail_after(30):
            await enough.wait()
        watched.end()
    names = [sent.name for sent in seen]
    assert names[:5] == ["history", "state", "history", "state", "history"]
    assert names.count("ended") == 1
    assert names[-1] == "ended"
    state = seen[1].data
    assert state["embedded"] == {"texts": 100, "tokens": 8_000, "usd": 0.0012}
    numbers = [int(sent.number) for sent in seen if sent.name == "state"]
    assert numbers == sorted(numbers)
    assert seen[-1].data["report"]["documents"]["ingested"] == 1
    assert seen[-1].data["view"]["health"]["status"] == "ended"


async def test_pages_that_do_not_listen_hold_nothing_up() -> None:
    """Connections that never read: the run's end takes the time that is theirs, and no more."""
    watched = Watched()
    clock = anyio.current_time
    with hanging_pages(watched, 3) as connect:
        async with watched.monitor.beside():
            await anyio.to_thread.run_sync(connect)
            await anyio.lowlevel.checkpoint()
            watched.end()
            began = clock()
        assert clock() - began < 20
    assert watched.failures == []


@contextmanager
def hanging_pages(watched: Watched, count: int) -> Iterator[Any]:
    """Pages that ask and never read an answer."""
    pages: list[socket.socket] = []

    def connect() -> None:
        url = httpx2.URL(watched.url)
        for _ in range(count):
            page = socket.create_connection((url.host, url.port))
            page.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert page.recv(1)
            pages.append(page)

    try:
        yield connect
    finally:
        for page in pages:
            page.close()


@pytest.mark.parametrize(
    "half", [b"", b"GET /heal", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-", b"\0" * 70_000]
)
async def test_half_a_request_is_waited_for_so_long_and_no_longer(
    half: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where more of it keeps coming, and where there is no end of it."""
    monkeypatch.setattr(connections, "REQUEST_WITHIN", 0.2)
    monkeypatch.setattr(connections, "LOOK_EVERY", 0.05)
    watched = Watched()
    async with watched.monitor.beside():
        url = httpx2.URL(watched.url)
        async with await anyio.connect_tcp(url.host, url.port or 0) as stream:
            with anyio.fail_after(20):
                await stream.send(half)
                with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                    while True:
                        with anyio.move_on_after(0.03):
                            await stream.receive()
                        if half:
                            await stream.send(b"x")
        watched.end()
    assert watched.failures == []


async def test_one_connection_too_many_takes_the_place_of_another() -> None:
    """Of the oldest page that doesn't read; there are never more than there may be."""
    watched = Watched()
    with hanging_pages(watched, MOST_CONNECTIONS + 20) as connect:
        async with watched.monitor.beside():
            await anyio.to_thread.run_sync(connect)
            async with watched.client() as client:
                assert (await client.get("/health")).status_code == 200
            port = httpx2.URL(watched.url).port
            served = [
                each
                for each in psutil.Process().net_connections("tcp")
                if each.laddr.port == port and each.status == "ESTABLISHED"
            ]
            assert len(served) <= MOST_CONNECTIONS + 1
            watched.end()


@pytest.mark.parametrize(
    ("host", "way_out"),
    [("127.0.0.1", "--monitor-port 0"), ("no-such-host.invalid", "--monitor-host")],
)
async def test_a_port_that_cannot_be_had_is_told(host: str, way_out: str) -> None:
    """With its hint; what runs beside it goes on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        watched = Watched(host, port)
        async with watched.monitor.beside():
            for event in SOME_WORK:
                watched.bus.emit(event)
            watched.end()
    (reason,) = watched.failures
    assert f"cannot listen on {host}:{port}" in reason
    assert way_out in reason


async def test_a_defect_in_it_ends_the_monitor_alone() -> None:
    """It is told once, the server closes, and further events reach the others."""
    watched = Watched()
    async with watched.monitor.beside():
        url = watched.url
        broken: Any = object()
        watched.monitor.feed.history = broken
        with anyio.fail_after(20):
            await watched.monitor.closed()
        async with httpx2.AsyncClient() as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get(url)
        watched.end()
    (reason,) = watched.failures
    assert "AttributeError" in reason
    assert watched.told[-1] == events.RunEnded(0, 0, "", "", 1.0)


async def test_what_fails_beside_it_is_raised() -> None:
    """The monitor hides no failure of the run, and is gone when it is raised."""
    watched = Watched()
    with pytest.raises(ExceptionGroup) as caught:
        async with watched.monitor.beside():
            raise ValueError("of the run")
    assert caught.group_contains(ValueError, match="of the run")
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", _port(watched))):
        pass


def _port(watched: Watched) -> int:
    return httpx2.URL(watched.url).port or 0


async def test_signals_stay_with_the_run() -> None:
    """The server takes none for itself: a run that drains is watched to its end."""
    watched = Watched()
    async with watched.monitor.beside(), watched.client() as client:
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            os.kill(os.getpid(), signal.SIGTERM)
            async for number in signals:
                assert number == signal.SIGTERM
                break
        assert (await client.get("/health")).status_code == 200
        watched.end()
