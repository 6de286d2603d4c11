"""Signals: the first asks the run to stop and drain, the second ends it at once."""

from __future__ import annotations

import signal

import anyio

from waypoint.stopping import Stop


class Interruption:
    """Whether a person wants the run to end; outlives the single attempts of a run."""

    def __init__(self) -> None:
        self.reason = ""
        self._stop: Stop | None = None

    def watch(self, stop: Stop) -> None:
        """Pass the wish on to this stop, from now on or at once."""
        self._stop = stop
        if self.reason:
            stop.request(self.reason)

    def request(self, reason: str) -> None:
        self.reason = reason
        if self._stop is not None:
            self._stop.request(reason)


async def watch_signals(interruption: Interruption, run: anyio.CancelScope) -> None:
    """Turn SIGINT, SIGTERM and SIGHUP into an interruption, a second one into a cancellation."""
    with anyio.open_signal_receiver(*_awaited()) as signals:
        async for number in signals:
            if not interruption.reason:
                interruption.request(f"{signal.Signals(number).name} received")
            elif number in (signal.SIGINT, signal.SIGTERM):
                # A terminal that closes may send SIGHUP twice: by the system and by its shell.
                run.cancel()
                return


def _awaited() -> list[signal.Signals]:
    """SIGHUP among them, unless nohup has it ignored, or the system has none."""
    hang_up = getattr(signal, "SIGHUP", None)
    awaited = [signal.SIGINT, signal.SIGTERM]
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        awaited.append(hang_up)
    return awaited
