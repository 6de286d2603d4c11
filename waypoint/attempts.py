"""Operations that are tried again: how tenacity is used, wherever it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


async def attempts(
    call: Callable[[], Awaitable[T]],
    retried: type[Exception],
    *,
    wait: Callable[[RetryCallState], float],
    stop: Callable[[RetryCallState], bool],
    before_sleep: Callable[[RetryCallState], None],
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
) -> T:
    """Call until it succeeds, fails otherwise than by ``retried``, or ``stop`` says so.

    Raises:
        Exception: the last failure, as it was raised.
    """
    # A fresh policy object each time: tenacity keeps an operation's state in it, and tasks that
    # share one mix their attempts.
    policy = AsyncRetrying(
        retry=retry_if_exception_type(retried),
        wait=wait,
        stop=stop,
        before_sleep=before_sleep,
        sleep=sleep,
        reraise=True,
    )

    async def attempt() -> T:
        # By name a coroutine function: what only returns an awaitable, tenacity does not await.
        return await call()

    return await policy(attempt)


def failure(state: RetryCallState, kind: type[E]) -> E:
    """What the attempt that ``wait``, ``stop`` or ``before_sleep`` is asked about failed by."""
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, kind)
    return error


def next_wait(state: RetryCallState) -> float:
    """Seconds until the next attempt, told to ``before_sleep``."""
    return state.next_action.sleep if state.next_action else 0.0
