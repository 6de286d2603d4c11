"""The server: uvicorn on the run's own event loop, which leaves signals and logs alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from starlette.types import ASGIApp

CLOSE_WITHIN = 1
"""Seconds that pages have to take the last event; then their connections are cut."""

MOST_CONNECTIONS = 64


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
        # Now, since with the option above two may bind the same port, but not listen on it.
        listener.listen()
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
                lifespan="off",
                ws="none",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=CLOSE_WITHIN,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the run's."""
        yield

    async def main_loop(self) -> None:
        """Uvicorn's own looks ten times a second whether it is to end; here it is told."""
        await self._closing.wait()

    def close(self) -> None:
        """Let :meth:`serve` end: at once, but for pages that still take the last event."""
        self.should_exit = True
        self._closing.set()
