"""One call that is counted: by the quota, by the budget, and by all who watch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from waypoint.embedding.adaptive_concurrency import AdaptiveConcurrency
from waypoint.embedding.budget import Budget
from waypoint.embedding.outage import Outage
from waypoint.embedding.port import (
    Answer,
    BatchTooLargeError,
    CallError,
    Embedder,
    QuotaExceededError,
    TransientCallError,
)
from waypoint.embedding.rate_limit import Admission, Quota
from waypoint.errors import BudgetSpentError, DailyQuotaError
from waypoint.models import EstimatedQuota
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

TOLD_FROM = 60.0
"""Seconds from which on a delay that the service asks for is told: a minute's quota is no news."""
_GOOD = 200
_MAYBE_BILLED = (None, _GOOD)
"""No status: the line broke, or no answer came in time. 200: the answer was of no use."""
_TOO_LARGE = "more than the quota allows in a minute"


@dataclass(frozen=True, slots=True)
class Account:
    """What all calls of a command are counted against."""

    quota: Quota
    budget: Budget | None = None
    """What the run may spend; None for no bound."""
    keep: Callable[[EstimatedQuota], Awaitable[None]] | None = None
    """Stores what was estimated about the quota."""


class MeteredEmbedder:
    """Makes a call when the account allows it, and tells everybody how it fared.

    Args:
        concurrency: is told how calls fare.
        prepare: makes the embedder ready to call; awaited before each call's quota is taken.
    """

    def __init__(
        self,
        embedder: Embedder,
        account: Account,
        stop: Stop,
        events: EventBus,
        outage: Outage,
        concurrency: AdaptiveConcurrency,
        prepare: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._embedder = embedder
        self._quota, self._budget, self._keep = account.quota, account.budget, account.keep
        self._stop = stop
        self._events = events
        self._outage = outage
        self._concurrency = concurrency
        self._prepare = prepare

    async def embed(self, texts: Sequence[str], tokens: int, attempt: int) -> Answer:
        """One call, as ``Embedder.embed``; ``attempt`` counts from 1.

        Raises:
            StopRequested: the run stops, and the call had not been sent.
            BatchTooLargeError: several texts that do not fit into a minute together.
            DailyQuotaError, BudgetSpentError: nothing is left for it.
        """
        with self._stop.interruptible():
            # Before quota is taken: what delays the first calls alone would let them arrive
            # within the same minute as those after them.
            if self._prepare is not None:
                await self._prepare()
            if len(texts) > 1 and not self._quota.fits(len(texts), tokens):
                raise BatchTooLargeError(_TOO_LARGE)
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
                        error.tokens_left = self._quota.estimate_of(error.tokens_left)
                    raise
                with doing("budget"):
                    await self._budget.changed()
            else:
                return admission

    async def _call(
        self, texts: Sequence[str], tokens: int, attempt: int, admission: Admission
    ) -> Answer:
        self._events.emit(CallStarted(len(texts), tokens, attempt))
        started = anyio.current_time()
        try:
            with self._concurrency.call(), self._outage.asking():
                answer = await self._embedder.embed(texts)
        except Exception as error:
            # Not so for a cancelled call: what became of it is not known.
            status = error.status if isinstance(error, CallError) else None
            self._events.emit(CallEnded(len(texts), status, anyio.current_time() - started))
            if isinstance(error, TransientCallError):
                self._note_failure(error)
            if isinstance(error, QuotaExceededError):
                await self._learn(error, admission)
                if len(texts) > 1 and not self._quota.fits(len(texts), tokens):
                    self._events.emit(
                        CallFailed(error.reason, error.status, 0.0, attempt, error.said)
                    )
                    raise BatchTooLargeError(_TOO_LARGE, error.status) from error
            elif isinstance(error, TransientCallError) and error.overload:
                self._concurrency.overloaded()
            raise
        seconds = anyio.current_time() - started
        self._events.emit(CallEnded(len(texts), _GOOD, seconds))
        self._outage.end()
        self._quota.answered(admission, texts=len(texts), estimated=tokens, counted=answer.tokens)
        self._concurrency.answered(len(texts), seconds)
        counted = tokens if answer.tokens is None else answer.tokens
        self._events.emit(CallAnswered(len(texts), counted, seconds))
        return answer

    def _note_failure(self, error: TransientCallError) -> None:
        is_new = self._outage.fail(error.retry_after)
        delay = error.retry_after or 0.0
        if is_new and delay >= TOLD_FROM and not self._outage.is_hopeless(delay):
            self._events.emit(ServiceDelay(error.whole, delay))

    async def _learn(self, error: QuotaExceededError, admission: Admission) -> None:
        before = self._quota.estimated
        self._quota.refused(admission, rpm=error.rpm, tpm=error.tpm)
        estimated = self._quota.estimated
        if self._keep is not None and estimated is not None and estimated != before:
            await self._keep(estimated)
