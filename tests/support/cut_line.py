"""A line between a client and a server that can be cut and repaired."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from anyio.abc import SocketStream
from anyio.from_thread import BlockingPortal, start_blocking_portal


class CutLine:
    """Passes bytes on to ``port`` of this machine, from a port of its own."""

    def __init__(self, port: int, portal: BlockingPortal) -> None:
        self._to = port
        self._portal = portal
        self._whole = True
        self._scopes: set[anyio.CancelScope] = set()
        self.port = 0

    def cut(self) -> None:
        """End every connection, and let no new one last."""
        self._portal.call(self._cut)

    def mend(self) -> None:
        self._whole = True

    async def serve(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            self.port = listener.extra(anyio.abc.SocketAttribute.local_port)
            task_status.started()
            await listener.serve(self._connect)

    async def _cut(self) -> None:
        self._whole = False
        for scope in self._scopes:
            scope.cancel()

    async def _connect(self, client: SocketStream) -> None:
        if not self._whole:
            await client.aclose()
            return
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            async with (
                client,
                await anyio.connect_tcp("127.0.0.1", self._to) as server,
                anyio.create_task_group() as group,
            ):
                group.start_soon(_pass_on, client, server, group.cancel_scope)
                group.start_soon(_pass_on, server, client, group.cancel_scope)
        self._scopes.discard(scope)


async def _pass_on(source: SocketStream, target: SocketStream, both: anyio.CancelScope) -> None:
    try:
        async for some in source:
            await target.send(some)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass
    both.cancel()


@contextmanager
def cut_line(port: int) -> Iterator[CutLine]:
    """A line to that port for as long as the context is open."""
    with start_blocking_portal() as portal:
        line = CutLine(port, portal)
        future, _ = portal.start_task(line.serve)
        try:
            yield line
        finally:
            future.cancel()
