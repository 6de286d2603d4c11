"""A deadline that a process which stood still meanwhile has not missed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

_STEP = 1.0
"""Seconds; of any pause of the process or its event loop, no more than this counts."""


@contextmanager
def fail_after_awake(seconds: float) -> Iterator[None]:
    """As ``anyio.fail_after``, but only the time counts in which the event loop could have taken
    an answer: a process that was stopped (SIGSTOP, a debugger, a frozen container) finds the
    answers that came meanwhile, and were billed, before it gives up.

    Raises:
        TimeoutError: so many seconds have passed.
    """
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def pass_step(left: float) -> None:
        nonlocal timer
        if left <= 0:
            scope.cancel()
        else:
            timer = loop.call_later(min(_STEP, left), pass_step, left - _STEP)

    with anyio.CancelScope() as scope:
        pass_step(seconds)
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()
    if scope.cancelled_caught:
        raise TimeoutError
