"""The life of a simulator: as a context manager in this process, or until a signal."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from waypoint.simulator.server import create_app
from waypoint.simulator.service import Clock, EmbeddingService
from waypoint.simulator.settings import SimulatorSettings
from waypoint.simulator.stats import SimulatorStats

_SHUTDOWN_TIMEOUT_S = 0.05
"""Calls in flight are cut off: a client is expected to have ended before."""


class Simulator:
    """A server in this process, listening between ``async with`` and its end.

    ``clock`` (monotonic nanoseconds) is what quotas and statistics go by; latencies always
    pass in real time.
    """

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock = time.monotonic_ns,
    ) -> None:
        self._service = EmbeddingService(settings or SimulatorSettings(), clock)
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        # A client's leaving must end a call that hangs: hence the cancellation.
        self._runner = web.AppRunner(
            create_app(self._service),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_TIMEOUT_S,
        )
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        """What ``GOOGLE_GEMINI_BASE_URL`` is to be: ``http://host:port``, no slash at its end."""
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def settings(self) -> SimulatorSettings:
        """The settings as they are now."""
        return self._service.settings

    def configure(self, **changes: Any) -> None:
        """Change settings while running, each as a whole; calls in flight keep their fault.

        Raises:
            ValueError: a name is unknown or a value impossible; nothing is changed.
        """
        self._service.configure(**changes)

    def reset(self) -> None:
        """Forget counts, quotas' past and recorded texts, and begin the draws anew."""
        self._service.reset()

    def revoke_tokens(self) -> None:
        """Take none of the access tokens any more that were issued so far."""
        self._service.tokens.revoke()

    def advance(self, seconds: float) -> None:
        """Let so much time pass at once for files and batch jobs."""
        self._service.batch_clock.advance(seconds)

    def stats(self) -> SimulatorStats:
        """The counts since the start or the last reset."""
        return self._service.snapshot()

    def answers_by_text(self) -> dict[str, int]:
        """How often each text was answered correctly, by the SHA-256 of its UTF-8 in hex."""
        return self._service.answers_by_text()


async def serve(
    settings: SimulatorSettings,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run a simulator until SIGTERM or SIGINT; ``ready`` is told its base URL.

    Raises:
        OSError: the address is in use or not to be had.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with Simulator(settings, host=host, port=port) as simulator:
            if ready is not None:
                ready(simulator.base_url)
            await stop.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
