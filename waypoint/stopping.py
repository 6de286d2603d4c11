"""The wish to stop, and the waits that such a wish cuts short.

A run that is asked to stop finishes what is in flight: a call that was sent is awaited, a
vector that arrived is stored. What is only waiting (for quota, for a backoff to pass) gives
up at once. Those waits are wrapped in ``Stop.interruptible()``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class StopRequested(Exception):  # noqa: N818 - a wish, not an error
    """Raised out of an interruptible wait when the run is to stop."""


class Stop:
    """Set once, never unset."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._event = anyio.Event()
        self.reason = ""

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self, reason: str) -> None:
        """Cut short every interruptible wait, now and from now on. The first reason counts."""
        if self.requested:
            return
        self.reason = reason
        self._event.set()
        for scope in self._scopes:
            scope.cancel()

    async def wait(self) -> None:
        """Return when a stop is requested."""
        await self._event.wait()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Run a wait that a stop may cut short.

        Raises:
            StopRequested: at once if a stop was requested, else as soon as it is.
        """
        if self.requested:
            raise StopRequested(self.reason)
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
        if scope.cancelled_caught:
            raise StopRequested(self.reason)
