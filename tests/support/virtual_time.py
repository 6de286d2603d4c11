"""An event loop whose clock jumps: hours pass in milliseconds, in exact order.

Whatever waits by the loop's own timers is carried along: ``asyncio`` and ``anyio`` sleeps and
deadlines. Threads and processes are not: the loop takes them for
nothing to wait for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_TICK = 1e-7
"""Seconds that pass in each turn of the loop: like a real clock, this one never stands still,
or a timer that rounding makes fire too early would be set again for ever."""


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timeout, moves the clock to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("a deadlock: no timer is left to wait for")
            self.now += timeout
        self.now += _TICK
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """``time()`` jumps to the next timer as soon as nothing else is left to do."""

    def __init__(self) -> None:
        self._jumping_selector = _JumpingSelector()
        super().__init__(self._jumping_selector)

    def time(self) -> float:
        return self._jumping_selector.now


def run_virtual(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function to its end, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())
