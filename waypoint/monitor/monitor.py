"""The monitor of one run: listens, looks once a second, and serves; it never fails the run."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from waypoint.errors import described
from waypoint.monitor.board import Board
from waypoint.monitor.feed import Feed
from waypoint.monitor.histogram import CountedLoopDelay
from waypoint.monitor.sources import Sources
from waypoint.observe.events import Event, EventBus, MonitorFailed, MonitorReady

if TYPE_CHECKING:
    from waypoint.monitor.server import MonitorServer

EVERY = 1.0
"""Seconds between two looks, and between two events for a page."""

DELAY_EVERY = 0.25
"""Seconds between two measurements of the event loop's delay: where the processor is shared with
others, 40 a second were seen to take 1.5 % of a core."""


class Monitor:
    """Subscribe it to the run's events, and run it beside the run by :meth:`beside`."""

    def __init__(self, sources: Sources, events: EventBus, host: str, port: int) -> None:
        self.board = Board(sources)
        self._events = events
        self._host = host
        self._port = port
        self._feed = Feed(self.board)
        self._server: MonitorServer | None = None
        self._failed = False
        self._ready, self._closed = anyio.Event(), anyio.Event()

    def __call__(self, event: Event) -> None:
        """Listen. A defect in here ends the monitor, not the run."""
        if self._failed:
            return
        try:
            self.board(event)
        except Exception as error:
            self._fail(_described(error))

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """Serve for as long as the context is open, and until pages know how it ended."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._run)
            try:
                # Before the run begins: whoever starts it may look from the first moment.
                await self._ready.wait()
                yield
            finally:
                self._close()
                # For this moment there is nothing left that a signal could stop.
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM):
                    await self.closed()
                group.cancel_scope.cancel()

    async def closed(self) -> None:
        """Wait until the server has closed, or has failed."""
        await self._closed.wait()

    async def _run(self) -> None:
        try:
            await self._serve()
        except Exception as error:
            self._fail(_described(error))
        finally:
            self._ready.set()
            self._closed.set()

    async def _serve(self) -> None:
        # Here, since a run that nobody watches need not wait for their import.
        from waypoint.monitor.server import MonitorServer, listen_on, url_of
        from waypoint.monitor.web import hosts_of, make_app

        try:
            listener = await to_thread.run_sync(listen_on, self._host, self._port)
        except (OSError, UnicodeError) as error:
            # A host that no name can be is not an OSError.
            why = error.strerror if isinstance(error, OSError) else "no host has that name"
            where = f"{self._host}:{self._port}"
            self._fail(f"cannot listen on {where}: {why}; --monitor-port 0 finds a port")
            return
        with listener:
            hosts = hosts_of(listener.getsockname()[0], self._host)
            app = await to_thread.run_sync(make_app, self.board, self._feed, hosts)
            self._server = server = MonitorServer(app)
            self._events.emit(MonitorReady(url_of(listener)))
            self._ready.set()
            async with anyio.create_task_group() as group:
                group.start_soon(self._look)
                group.start_soon(CountedLoopDelay(self.board.tally.loop_delay, DELAY_EVERY).run)
                await server.serve([listener])
                group.cancel_scope.cancel()

    async def _look(self) -> None:
        while True:
            self.board.look()
            self._feed.tell()
            await anyio.sleep(EVERY)

    def _close(self) -> None:
        if self._server is None:
            return
        try:
            self.board.look()
            self._feed.tell()
        except Exception as error:
            self._fail(_described(error))
        self._server.close()

    def _fail(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            self._events.emit(MonitorFailed(reason))
        if self._server is not None:
            self._server.close()


def _described(error: Exception) -> str:
    leaf: BaseException = error
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return f"unexpected {described(leaf)}"
