"""The time that files and jobs go by: a day of it may pass in seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SECOND_NS = 1_000_000_000


class BatchClock:
    """Seconds since the start, ``speed`` times as fast as the clock it is made from.

    Args:
        clock: monotonic nanoseconds.
    """

    def __init__(self, clock: Callable[[], int], speed: float) -> None:
        self._clock = clock
        self._speed = speed
        self._began = datetime.now(UTC)
        self._at_ns = clock()
        self._seconds = 0.0

    def seconds(self) -> float:
        """What has passed."""
        return self._seconds + (self._clock() - self._at_ns) / SECOND_NS * self._speed

    def run_at(self, speed: float) -> None:
        """Go on at another speed."""
        self._seconds, self._at_ns = self.seconds(), self._clock()
        self._speed = speed

    def advance(self, seconds: float) -> None:
        """Let so much pass at once."""
        self._seconds += seconds

    def timestamp(self, seconds: float) -> str:
        """That moment as Google writes it."""
        moment = self._began + timedelta(seconds=seconds)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
