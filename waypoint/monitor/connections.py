"""Connections to the monitor: how many there may be, and how long one may keep others waiting.

Whoever connects may say nothing, send a request byte by byte, or read no answer. Such connections
are ended after a while, and at once when another would be one too many: so the run's files and
memory are not theirs, and ``/health`` is answered however many of them there are.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MOST_CONNECTIONS = 64
REQUEST_WITHIN = 5.0
"""Seconds in which a request must be complete, from the connection or from the last answer on."""
READ_WITHIN = 30.0
"""Seconds for which a reader may stay behind what is sent to it."""
LOOK_EVERY = 1.0

_BETWEEN = 0.001
"""Seconds between two that are let in: whoever comes in thousands has a small part of the loop."""
_AFTER_FAILURE = 0.5
"""Seconds after which it is tried again where no file could be opened."""


class Connection(H11Protocol):
    """One connection, whose age is known. h11 bounds a request's head to 64 KiB."""

    since: float
    """When it last had nothing to wait for: it was made, or a request was answered."""
    ended = False
    _behind_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.since = self.loop.time()
        super().connection_made(transport)

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        super().on_response_complete()

    def rank(self) -> tuple[int, float]:
        """Who goes first where one has to: half a request, then a slow reader, then the oldest."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            return 0, self.since
        return (1 if self.transport.get_write_buffer_size() else 2), self.since

    def look(self, now: float) -> None:
        """End it if it keeps us waiting."""
        kind, since = self.rank()
        if not self.transport.get_write_buffer_size():
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now
        behind = self._behind_since is not None and now - self._behind_since > READ_WITHIN
        if behind or (kind == 0 and now - since > REQUEST_WITHIN):
            self.end()

    def end(self) -> None:
        """At once, whatever is still to be sent."""
        self.ended = True
        self.transport.abort()


class Door:
    """Lets connections in one by one, and shows others out for them."""

    def __init__(
        self,
        listener: socket.socket,
        connections: Collection[Connection],
        make: Callable[[], Connection],
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._make = make

    async def keep(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(self._listener)
            except OSError:
                # No more files, or the other side has gone already.
                self._make_room(most=1)
                await asyncio.sleep(_AFTER_FAILURE)
                continue
            accepted.setblocking(False)
            self._make_room()
            try:
                await loop.connect_accepted_socket(self._make, accepted)
            except OSError:
                accepted.close()
            await asyncio.sleep(_BETWEEN)

    async def watch(self) -> None:
        """Look after those who are in, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for connection in self._inside():
                connection.look(loop.time())

    def clear(self) -> None:
        """End all that are left."""
        for connection in self._inside():
            connection.end()

    def _make_room(self, most: int = MOST_CONNECTIONS) -> None:
        inside = self._inside()
        if len(inside) >= most:
            min(inside, key=Connection.rank).end()

    def _inside(self) -> list[Connection]:
        return [each for each in self._connections if not each.ended]
