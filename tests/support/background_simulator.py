"""A simulator beside the test, for commands in other processes to call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from waypoint.simulator import Simulator, SimulatorSettings, SimulatorStats

KEY = "AIza-not-a-real-key-0123456789"


class BackgroundSimulator:
    """A simulator on an event loop in a thread; asked and changed from the test's."""

    def __init__(self, simulator: Simulator, portal: BlockingPortal) -> None:
        self._simulator = simulator
        self._portal = portal
        self.base_url = simulator.base_url

    @property
    def environment(self) -> dict[str, str]:
        """What makes a command call it, as fast as it likes."""
        return {
            "GOOGLE_API_KEY": KEY,
            "GOOGLE_GEMINI_BASE_URL": self.base_url,
            "QUOTA_RPM": "0",
            "QUOTA_TPM": "0",
        }

    def stats(self) -> SimulatorStats:
        """The counts since the start or the last reset."""
        return self._portal.call(self._simulator.stats)

    def answers(self) -> dict[str, int]:
        """How often each text was answered, by its SHA-256 in hexadecimal."""
        return self._portal.call(self._simulator.answers_by_text)

    def configure(self, **changes: Any) -> None:
        """Change settings while it runs."""
        self._portal.call(lambda: self._simulator.configure(**changes))

    def advance(self, seconds: float) -> None:
        """Let so much time pass for files and batch jobs."""
        self._portal.call(self._simulator.advance, seconds)

    def reset(self) -> None:
        """Forget the counts."""
        self._portal.call(self._simulator.reset)


@contextmanager
def background_simulator(**settings: Any) -> Iterator[BackgroundSimulator]:
    """A simulator with these settings for as long as the context is open."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Simulator(SimulatorSettings(**settings))) as simulator,
    ):
        yield BackgroundSimulator(simulator, portal)
