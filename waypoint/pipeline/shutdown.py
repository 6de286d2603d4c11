"""Signals: the first asks the run to stop and drain, the second ends it at once."""

from __future__ import annotations

import signal

import anyio

from waypoint.stopping import Stop


async def watch_signals(stop: Stop, run: anyio.CancelScope) -> None:
    """Turn SIGINT and SIGTERM into a stop, and a second one into a cancellation of ``run``."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            if stop.requested:
                run.cancel()
                return
            stop.request(f"{signal.Signals(number).name} received")
