"""The monitor of one run: serves its status, once a second anew; it never fails the run."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from socket import gaierror
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from waypoint.errors import described
from waypoint.monitor.feed import Feed
from waypoint.observe.events import EventBus, MonitorFailed, MonitorReady
from waypoint.observe.gauges.histogram import Histogram
from waypoint.observe.gauges.loop_delay import LoopDelayMeter
from waypoint.observe.status import RunStatus

if TYPE_CHECKING:
    from waypoint.monitor.server import MonitorServer

EVERY = 1.0
"""Seconds between two events for a page."""

DELAY_EVERY = 0.25
"""Seconds between two measurements of the event loop's delay: where the processor is shared with
others, 40 a second were seen to take 1.5 % of a core."""


DELAY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Monitor:
    """Run it beside the run, by :meth:`beside`."""

    def __init__(
        self,
        status: RunStatus,
        events: EventBus,
        host: str,
        port: int,
        allowed_hosts: Sequence[str] = (),
    ) -> None:
        self.feed = Feed(status)
        self._status = status
        self._loop_delay = Histogram(DELAY_BOUNDS)
        self._events = events
        self._host = host
        self._port = port
        self._allowed_hosts = allowed_hosts
        self._server: MonitorServer | None = None
        self._failed = False
        self._ready, self._closed = anyio.Event(), anyio.Event()

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
            where = f"{self._host}:{self._port}"
            if isinstance(error, gaierror | UnicodeError):
                why = "no host has that name; --monitor-host is an address of this machine"
            else:
                why = f"{error.strerror}; --monitor-port 0 finds a port"
            self._fail(f"cannot listen on {where}: {why}")
            return
        with listener:
            hosts = hosts_of(listener.getsockname()[0], self._host, self._allowed_hosts)
            app = await to_thread.run_sync(
                make_app, self._status, self.feed, self._loop_delay, hosts
            )
            self._server = server = MonitorServer(app)
            self._events.emit(MonitorReady(url_of(listener)))
            self._ready.set()
            async with anyio.create_task_group() as group:
                meter = LoopDelayMeter(delays=self._loop_delay, every=DELAY_EVERY)
                group.start_soon(self._keep_telling)
                group.start_soon(meter.run)
                await server.serve([listener])
                group.cancel_scope.cancel()

    async def _keep_telling(self) -> None:
        while True:
            self.feed.tell()
            await anyio.sleep(EVERY)

    def _close(self) -> None:
        if self._server is None:
            return
        try:
            self._status.look()
            self.feed.tell()
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
