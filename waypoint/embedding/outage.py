"""How long the service has been asked without a good answer to anyone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Outage:
    """Shared by all workers; begins with a failure and ends with a good answer.

    Time counts while somebody asks: in a call, or in a wait of our own before the next. A wait
    for the quota is not the service's failure. Nor is a delay that the service asks for, until
    it was in vain: waited out, and followed by a refusal with another one. So a service that is
    as good as its word is never given up for it, and one that puts us off for ever is.

    Args:
        most: seconds after which hope is given up.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self._asking = 0
        self._counted_at = anyio.current_time()
        self.end()

    def end(self) -> None:
        """Somebody got a good answer, or nobody asks for hours."""
        self._failing = False
        self._asked = self._fruitless = 0.0
        self._delayed_at = self._delayed_until = anyio.current_time()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """A call, or a wait that nobody asked for."""
        self._count()
        self._asking += 1
        try:
            yield
        finally:
            self._count()
            self._asking -= 1

    def fail(self, delay: float | None) -> bool:
        """A call failed. ``delay``: seconds that the service asks us to wait; None for none.

        Returns whether the delay is news: the first after the last one's end.
        """
        self._count()
        self._failing = True
        now = anyio.current_time()
        if delay is None:
            return False
        is_new = now >= self._delayed_until
        if is_new:
            self._fruitless += self._delayed_until - self._delayed_at
            self._delayed_at = now
        self._delayed_until = max(self._delayed_until, now + delay)
        return is_new

    @property
    def is_delayed(self) -> bool:
        """Whether a delay that the service asked for is not over."""
        return anyio.current_time() < self._delayed_until

    @property
    def left(self) -> float:
        """Seconds of asking until hope is given up."""
        return self.most - self._asked

    def is_hopeless(self, delay: float | None) -> bool:
        """Whether to give up: after so long, or since nothing is to be had for longer."""
        return self.left <= 0 or self._fruitless >= self.most or (delay or 0.0) > self.left

    def _count(self) -> None:
        now = anyio.current_time()
        if self._failing and self._asking:
            self._asked += now - self._counted_at
        self._counted_at = now
