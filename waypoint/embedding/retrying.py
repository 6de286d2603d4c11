"""Calls that are paced, tried again, and that cool all workers down together after a 429."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from waypoint.embedding.port import Answer, Embedder, QuotaExceededError, TransientCallError
from waypoint.embedding.quota import Quota
from waypoint.errors import ServiceUnavailableError
from waypoint.events import CallAnswered, CallEnded, CallFailed, CallStarted, EventBus
from waypoint.stopping import Stop

FIRST_BACKOFF = 0.5
"""Seconds; the upper end of the first wait's jitter."""
LONGEST_BACKOFF = 32.0
"""Seconds; the upper end of the last wait's jitter."""
_DOUBLINGS = 6


class RetryingEmbedder:
    """Calls an embedder within the quota, again and again until it answers or hope is gone.

    All workers share one object: a 429 that one of them meets makes all of them wait, and an
    answer that one of them gets tells all of them that the service is alive.

    Args:
        give_up_after: seconds from a first failure without an answer to anyone.
        prepare: makes the embedder ready to call; awaited before each call's quota is taken.
    """

    def __init__(
        self,
        embedder: Embedder,
        quota: Quota,
        stop: Stop,
        events: EventBus,
        *,
        give_up_after: float,
        prepare: Callable[[], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._embedder = embedder
        self._quota = quota
        self._stop = stop
        self._events = events
        self._give_up_after = give_up_after
        self._prepare = prepare
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._failing_since: float | None = None

    async def embed(self, texts: Sequence[str], tokens: int) -> Answer:
        """One batch's vectors. Quota is taken anew for each attempt.

        Raises:
            StopRequested: the run stops and the call had not been sent.
            ServiceUnavailableError: no good answer to anyone for ``give_up_after`` seconds.
            CallRefusedError, WaypointError: as ``Embedder.embed``.
        """
        # A fresh policy object each time: tenacity keeps an operation's state in it, and
        # tasks that share one mix their attempts.
        policy = AsyncRetrying(
            retry=retry_if_exception_type(TransientCallError),
            wait=self._wait,
            stop=self._hopeless,
            sleep=self._pause,
            before_sleep=self._report,
            reraise=True,
        )
        attempt = 0
        try:
            async for attempting in policy:
                with attempting:
                    attempt += 1
                    return await self._attempt(texts, tokens, attempt)
        except TransientCallError as error:
            raise ServiceUnavailableError(
                f"no good answer from the embedding service for {self._give_up_after:.0f} s; "
                f"the last failure: {error.reason}",
                hint="see the service's status, then run the same command again; "
                "what is paid is kept",
            ) from error
        raise AssertionError("tenacity neither returned nor raised")

    async def _attempt(self, texts: Sequence[str], tokens: int, attempt: int) -> Answer:
        with self._stop.interruptible():
            # Before quota is taken: what delays the first calls alone would let them arrive
            # within the same minute as those after them.
            if self._prepare is not None:
                await self._prepare()
            await self._quota.acquire(len(texts), tokens)
        self._events.emit(CallStarted(len(texts), tokens, attempt))
        started = self._clock()
        try:
            answer = await self._embedder.embed(texts)
        except Exception as error:
            # Not so for a cancelled call: what became of it is not known.
            self._events.emit(CallEnded(len(texts)))
            if isinstance(error, TransientCallError) and self._failing_since is None:
                self._failing_since = self._clock()
            if isinstance(error, QuotaExceededError):
                await self._learn(error)
            raise
        self._events.emit(CallEnded(len(texts)))
        self._failing_since = None
        counted = tokens if answer.tokens is None else answer.tokens
        self._events.emit(CallAnswered(len(texts), counted, self._clock() - started))
        return answer

    async def _learn(self, error: QuotaExceededError) -> None:
        already_cooling = self._quota.paused
        if error.retry_after is not None:
            self._quota.pause(error.retry_after)
        # Calls that were in flight together meet the same limit together: one lesson.
        if not already_cooling or error.rpm or error.tpm:
            await self._quota.learn(rpm=error.rpm, tpm=error.tpm, backed_off=not already_cooling)

    def _wait(self, state: RetryCallState) -> float:
        """The server's word first; else exponential backoff with full jitter."""
        error = _failure(state)
        if error.retry_after is not None:
            # Jitter on top of the server's delay, too, or all workers come back at once.
            return error.retry_after + self._jitter(0.0, FIRST_BACKOFF)
        doublings = min(state.attempt_number - 1, _DOUBLINGS)
        backoff = self._jitter(0.0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**doublings))
        if isinstance(error, QuotaExceededError):
            self._quota.pause(backoff)
        return backoff

    def _hopeless(self, _state: RetryCallState) -> bool:
        # Counted from the first failure, not from the last answer: in between there may have
        # been nothing to ask for.
        since = self._failing_since
        return since is not None and self._clock() - since >= self._give_up_after

    async def _pause(self, seconds: float) -> None:
        with self._stop.interruptible():
            await self._sleep(seconds)

    def _report(self, state: RetryCallState) -> None:
        error = _failure(state)
        wait = state.next_action.sleep if state.next_action else 0.0
        self._events.emit(CallFailed(error.reason, error.status, wait, state.attempt_number))


def _failure(state: RetryCallState) -> TransientCallError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, TransientCallError)
    return error
