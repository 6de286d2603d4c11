"""Calls that are paced, tried again, and that cool all workers down together after a 429."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from waypoint.embedding.adaptive_concurrency import AdaptiveConcurrency
from waypoint.embedding.budget import Budget
from waypoint.embedding.outage import Outage
from waypoint.embedding.port import (
    Answer,
    BatchTooLargeError,
    CallError,
    CallRefusedError,
    Embedder,
    PoisonBatchError,
    QuotaExceededError,
    TransientCallError,
)
from waypoint.embedding.rate_limit import Admission, Quota
from waypoint.errors import BudgetSpentError, DailyQuotaError, ServiceUnavailableError
from waypoint.models import LearnedQuota
from waypoint.observe.events import (
    CallAnswered,
    CallEnded,
    CallFailed,
    CallStarted,
    EventBus,
    ServiceDelay,
)
from waypoint.observe.gauges import doing
from waypoint.stopping import Stop

FIRST_BACKOFF = 0.5
"""Seconds; the upper end of the first wait's jitter."""
LONGEST_BACKOFF = 32.0
"""Seconds; the upper end of the last wait's jitter."""
_DOUBLINGS = 6

_GOOD = 200
POISON_AFTER = 5
"""Failures of a batch's own, in some seconds, after which it is for its sender to find
out whose they are."""
_ITS_OWN = (_GOOD, 500)
"""An answer of no use, or an error within the service: a text may make either, again and again."""
FRUITLESS_AFTER = 8
"""Failures of any kind but a 429 after which the same is asked: a text may also be what a service
never finishes with. More than of its own, since an outage ends by itself."""
TOLD_FROM = 60.0
"""Seconds from which on a delay that the service asks for is told: a minute's quota is no news."""
SUSPECT_AFTER = 2
"""Failures of any kind after which part of a batch that has failed is looked into further."""
REFUSED_AFTER = 4
"""Doubtful refusals of a batch that are believed: what passes has passed by then."""
_MAYBE_BILLED = (None, _GOOD)
"""No status: the line broke, or no answer came in time. 200: the answer was of no use."""


@dataclass(slots=True)
class RetryCounter:
    """Given to a call of which whatever fails is the service's fault; counts its failures."""

    failures: int = 0


class RetryingEmbedder:
    """Calls an embedder within the quota, again and again until it answers or hope is gone.

    All workers share one object: a 429 that one of them meets makes all of them wait, and an
    answer that one of them gets tells all of them that the service is alive.

    Args:
        give_up_after: seconds of an ``Outage``.
        prepare: makes the embedder ready to call; awaited before each call's quota is taken.
        budget: what the run may spend; None for no bound.
        slots: is told how calls fare.
        keep: stores what was learned about the quota.
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
        budget: Budget | None = None,
        slots: AdaptiveConcurrency | None = None,
        keep: Callable[[LearnedQuota], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._embedder = embedder
        self._quota = quota
        self._stop = stop
        self._events = events
        self._prepare = prepare
        self._budget = budget
        self._slots = slots or AdaptiveConcurrency(1, events)
        self._keep = keep
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._outage = Outage(give_up_after, clock)

    async def embed(
        self,
        texts: Sequence[str],
        tokens: int,
        *,
        patience: RetryCounter | None = None,
        suspect: bool = False,
    ) -> Answer:
        """One batch's vectors. Quota is taken anew for each attempt.

        Args:
            suspect: it is part of a batch that got no good answer, and of several texts.

        Raises:
            StopRequested: the run stops and the call had not been sent.
            ServiceUnavailableError: no good answer to anyone for ``give_up_after`` seconds.
            BatchTooLargeError: several texts that do not fit into a minute together.
            PoisonBatchError: without patience, after ``POISON_AFTER`` failures of their own,
                or ``FRUITLESS_AFTER`` of any kind; of a suspect, after ``SUSPECT_AFTER``.
            DailyQuotaError: the day's quota is used up.
            CallRefusedError, WaypointError: as ``Embedder.embed``.
        """
        # A fresh policy object each time: tenacity keeps an operation's state in it, and
        # tasks that share one mix their attempts.
        policy = AsyncRetrying(
            retry=retry_if_exception_type(TransientCallError),
            wait=self._wait,
            stop=self._hopeless,
            # Of a control text, for whose answer others may wait, each with its slot.
            sleep=self._rest if patience is None else self._pause,
            before_sleep=self._report,
            reraise=True,
        )
        most_own, most_fruitless = POISON_AFTER, FRUITLESS_AFTER
        if suspect:
            most_own = most_fruitless = SUSPECT_AFTER
        attempt = its_own = fruitless = refused = 0
        try:
            async for attempting in policy:
                with attempting:
                    attempt += 1
                    try:
                        return await self._attempt(texts, tokens, attempt)
                    except TransientCallError as error:
                        its_own += error.status in _ITS_OWN
                        fruitless += not isinstance(error, QuotaExceededError)
                        if patience is not None:
                            patience.failures += 1
                        elif its_own >= most_own or fruitless >= most_fruitless:
                            raise self._spoiled(error, attempt) from error
                        raise
                    except CallRefusedError as error:
                        refused += 1
                        if not error.doubtful or refused >= REFUSED_AFTER:
                            raise
                        raise TransientCallError(error.reason, error.status) from error
        except TransientCallError as error:
            raise self._given_up(error) from error
        except DailyQuotaError:
            # The hours until there is more are not the service's failure.
            self._outage.end()
            raise
        raise AssertionError("tenacity neither returned nor raised")

    def _given_up(self, error: TransientCallError) -> ServiceUnavailableError:
        most, delay = self._outage.most, error.retry_after or 0.0
        if not 0 < self._outage.left < delay:
            return ServiceUnavailableError(
                f"no good answer from the embedding service for {most:g} s; "
                f"the last failure: {error.reason}",
                hint="see the service's status, then run the same command again; "
                "what is paid is kept",
            )
        at = datetime.now().astimezone() + timedelta(seconds=delay)
        return ServiceUnavailableError(
            f"the embedding service asks to wait {_in_words(delay)} ({error.reason}), longer than "
            f"the run is to go on without a good answer ({most:g} s)",
            hint=f"run the same command again at {at:%Y-%m-%d %H:%M %Z}, or with a larger "
            "--give-up-after; what is paid is kept",
        )

    def _spoiled(self, error: TransientCallError, attempt: int) -> PoisonBatchError:
        self._events.emit(CallFailed(error.reason, error.status, 0.0, attempt))
        return PoisonBatchError(error.reason, error.status)

    async def _attempt(self, texts: Sequence[str], tokens: int, attempt: int) -> Answer:
        with self._stop.interruptible():
            # Before quota is taken: what delays the first calls alone would let them arrive
            # within the same minute as those after them.
            if self._prepare is not None:
                await self._prepare()
            if len(texts) > 1 and not self._quota.fits(len(texts), tokens):
                raise BatchTooLargeError("more than the quota allows in a minute")
            admission = await self._admit(texts, tokens)
        billed: int | None = admission.tokens
        try:
            answer = await self._call(texts, tokens, attempt, admission)
            billed = answer.tokens or billed
        except CallError as error:
            # What may have been answered, although the answer was lost or is of no use, may
            # have been billed as well.
            if error.status not in _MAYBE_BILLED:
                billed = None
            raise
        except DailyQuotaError:
            billed = None
            raise
        finally:
            self._quota.ended()
            if self._budget is None:
                pass
            elif billed is None:
                self._budget.release(len(texts), admission.tokens)
            else:
                self._budget.settle(admission.tokens, counted=billed)
        return answer

    async def _admit(self, texts: Sequence[str], tokens: int) -> Admission:
        """What a call of that size takes of the quota, and its share of the budget."""
        while True:
            with doing("quota"):
                admission = await self._quota.acquire(len(texts), tokens)
            if self._budget is None:
                return admission
            try:
                self._budget.reserve(len(texts), admission.tokens)
            except BudgetSpentError as error:
                # A call that is not made takes nothing of the quota.
                self._quota.give_back(admission)
                if not self._budget.in_flight:
                    # Whoever cuts the batch to what is left knows our estimates, not what the
                    # service counts.
                    if error.tokens_left is not None:
                        error.tokens_left = self._quota.estimated(error.tokens_left)
                    raise
                with doing("budget"):
                    await self._budget.changed()
            else:
                return admission

    async def _call(
        self, texts: Sequence[str], tokens: int, attempt: int, admission: Admission
    ) -> Answer:
        self._events.emit(CallStarted(len(texts), tokens, attempt))
        started = self._clock()
        try:
            with self._slots.call(), self._outage.asking():
                answer = await self._embedder.embed(texts)
        except Exception as error:
            # Not so for a cancelled call: what became of it is not known.
            status = error.status if isinstance(error, CallError) else None
            self._events.emit(CallEnded(len(texts), status, self._clock() - started))
            if isinstance(error, TransientCallError):
                self._note_failure(error)
            if isinstance(error, QuotaExceededError):
                await self._learn(error, admission)
                if len(texts) > 1 and not self._quota.fits(len(texts), tokens):
                    reason = "more than the quota allows in a minute"
                    self._events.emit(CallFailed(error.reason, error.status, 0.0, attempt))
                    raise BatchTooLargeError(reason, error.status) from error
            elif isinstance(error, TransientCallError) and error.overload:
                self._slots.overloaded()
            raise
        seconds = self._clock() - started
        self._events.emit(CallEnded(len(texts), _GOOD, seconds))
        self._outage.end()
        self._quota.answered(admission, texts=len(texts), estimated=tokens, counted=answer.tokens)
        self._slots.answered(len(texts), seconds)
        counted = tokens if answer.tokens is None else answer.tokens
        self._events.emit(CallAnswered(len(texts), counted, seconds))
        return answer

    def _note_failure(self, error: TransientCallError) -> None:
        is_new = self._outage.fail(error.retry_after)
        delay = error.retry_after or 0.0
        if is_new and delay >= TOLD_FROM and not self._outage.is_hopeless(delay):
            self._events.emit(ServiceDelay(error.reason, delay))

    async def _learn(self, error: QuotaExceededError, admission: Admission) -> None:
        before = self._quota.learned
        self._quota.refused(admission, rpm=error.rpm, tpm=error.tpm)
        learned = self._quota.learned
        if self._keep is not None and learned is not None and learned != before:
            await self._keep(learned)

    def _wait(self, state: RetryCallState) -> float:
        """The server's word first; else exponential backoff with full jitter."""
        error = _failure(state)
        if error.retry_after is not None:
            # Jitter on top of the server's delay, too, or all workers come back at once.
            return error.retry_after + self._jitter(0.0, FIRST_BACKOFF)
        failures = state.attempt_number
        if isinstance(error, QuotaExceededError):
            # Whoever is refused, the service refuses all.
            failures = max(1, self._quota.refusals_in_a_row)
        doublings = min(failures - 1, _DOUBLINGS)
        return self._jitter(0.0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**doublings))

    def _hopeless(self, state: RetryCallState) -> bool:
        return self._outage.is_hopeless(_failure(state).retry_after)

    async def _rest(self, seconds: float) -> None:
        rests = self._slots.rest()
        await self._pause(seconds)
        if rests:
            with self._stop.interruptible(), doing("slot"):
                await self._slots.take()

    async def _pause(self, seconds: float) -> None:
        ours = nullcontext() if self._outage.is_delayed else self._outage.asking()
        with self._stop.interruptible(), doing("backoff"), ours:
            await self._sleep(seconds)

    def _report(self, state: RetryCallState) -> None:
        error = _failure(state)
        wait = state.next_action.sleep if state.next_action else 0.0
        if isinstance(error, QuotaExceededError) and (
            error.retry_after is not None or self._quota.halts
        ):
            self._quota.pause(wait)
        self._events.emit(CallFailed(error.reason, error.status, wait, state.attempt_number))


def _failure(state: RetryCallState) -> TransientCallError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, TransientCallError)
    return error


def _in_words(seconds: float) -> str:
    minutes = -(-int(seconds) // 60)
    return f"{seconds:g} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
