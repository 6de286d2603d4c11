"""The server: uvicorn on the run's own event loop, which leaves signals and logs alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from starlette.types import ASGIApp

from waypoint.monitor.connections import Connection, Door

CLOSE_WITHIN = 1
"""Seconds that pages have to take the last event; then their connections are cut."""

_WAITING = 1024
"""Connections that the system keeps for us until they are let in."""
_SEND_BUFFER = 128 * 1024
"""Bytes that the system keeps of what a connection's reader has not yet taken."""


def listen_on(host: str, port: int) -> socket.socket:
    """A socket bound to the first address of that name; port 0 takes one that is free.

    Raises:
        OSError: no such name or address, the port is taken, or may not be had.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Those who connect inherit it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        # Now, since with the option above two may bind the same port, but not listen on it.
        listener.listen(_WAITING)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class MonitorServer(uvicorn.Server):
    """Serves until it is told to close."""

    def __init__(self, app: ASGIApp) -> None:
        self._closing = anyio.Event()
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                # It would speak to whoever reads stderr, of what concerns nobody.
                log_level="critical",
                access_log=False,
                ws="none",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                http=Connection,
                lifespan="off",
                timeout_graceful_shutdown=CLOSE_WITHIN,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the run's."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn's own lets in whoever comes, as many as come; see :meth:`main_loop`."""
        assert sockets is not None
        (listener,) = sockets
        self.servers = []
        self._door = Door(listener, self._connections, self._make_connection)
        self.started = True

    def _make_connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)

    @property
    def _connections(self) -> set[Connection]:
        return self.server_state.connections  # type: ignore[return-value]

    async def main_loop(self) -> None:
        """Uvicorn's own looks ten times a second whether it is to end; here it is told."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._door.keep)
            group.start_soon(self._door.watch)
            await self._closing.wait()
            group.cancel_scope.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._door.clear()

    def close(self) -> None:
        """Let :meth:`serve` end: at once, but for pages that still take the last event."""
        self.should_exit = True
        self._closing.set()
