"""All limits together: when a call may be sent, and what is estimated from its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio

from waypoint.embedding.rate_limit.day import DayCount
from waypoint.embedding.rate_limit.estimator import ALONE, Refusal
from waypoint.embedding.rate_limit.jitter import LEAST, LEAST_UNKNOWN, JitterMeter
from waypoint.embedding.rate_limit.limits import QuotaLimits
from waypoint.embedding.rate_limit.minute_limits import NAMES, Amounts, MinuteLimits, Name
from waypoint.embedding.rate_limit.rate_limiter import BURST_SHARE
from waypoint.embedding.rate_limit.streak import RefusalStreak
from waypoint.embedding.rate_limit.token_factor import TokenFactor
from waypoint.errors import DailyQuotaError
from waypoint.models import EstimatedQuota
from waypoint.observe.events import EventBus, QuotaChanged
from waypoint.observe.gauges import QuotaState

LARGEST_BATCH = 100
"""Texts that a call takes, however large the limit is."""

ESTIMATED_SHARE = 0.9
"""Of the tokens that a call takes, by our estimate: it may be that much too low for some texts."""

SEARCH_SHARE = 300
"""The same while a limit is looked for: a batch is as much as it may be missed by."""

MADE_UP_FOR = 5.0
"""Seconds that refusals may have taken, so that what was not sent meanwhile is sent at once."""

_LONGEST_SLEEP = 1.0
_SHARE_SLEPT = 0.05
"""Seconds, or share of its wait, after which a waiter looks again: limits change meanwhile."""


_REASONS: Mapping[Name, str] = {"rpm": "texts", "tpm": "tokens"}
"""What is waited for, for those who watch."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may be sent now."""

    at: float
    texts: int
    """As the quota counts them: 1 for the call where calls are what counts."""
    tokens: int
    """As estimated, corrected by what the service counted before."""
    levels: Amounts = field(compare=False)
    """What was sent within a minute, this call included."""

    @property
    def amounts(self) -> Amounts:
        return {"rpm": self.texts, "tpm": self.tokens}


class Quota:
    """Admits calls at the rate that the account allows; made on the event loop that it serves.

    Args:
        limits: what the account allows, or is tried first.
        to_find: names of the limits that are to be found: ``rpm``, ``tpm``.
        estimated: what an earlier run found of these.
        used_today: texts already counted against the day's limit.
        counts_calls: a call counts as one, however many texts it has.
        now: the wall clock, in UTC.
    """

    def __init__(
        self,
        limits: QuotaLimits,
        events: EventBus,
        *,
        to_find: frozenset[str] = frozenset(),
        estimated: EstimatedQuota | None = None,
        used_today: int = 0,
        counts_calls: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._events = events
        self._clock = asyncio.get_running_loop().time
        self._counts_calls = counts_calls
        self._lock = anyio.Lock()
        self._in_flight = 0
        self._changed = anyio.Event()
        self._streak = RefusalStreak()
        self._jitter = JitterMeter(LEAST_UNKNOWN if to_find else LEAST)
        self._factor = TokenFactor(estimated.token_factor if estimated else 1.0)
        self._day = DayCount(limits.rpd, used_today, now)
        self._resume_at = began = self._clock()
        self._waiting_for = ""
        self._minute = MinuteLimits(
            limits, to_find=to_find, estimated=estimated, margin=self._jitter.margin, now=began
        )

    # -- what it is ------------------------------------------------------------------------

    @property
    def limits(self) -> QuotaLimits:
        """The limits as they are known now."""
        return QuotaLimits(self._minute.limit("rpm"), self._minute.limit("tpm"), self._day.limit)

    @property
    def estimated(self) -> EstimatedQuota | None:
        """What is worth keeping for the next run; None for nothing."""
        estimated = self._minute.estimated(self._clock())
        if not any(each.value for each in estimated.values()) and not self._factor.measured:
            return None
        return EstimatedQuota(estimated["rpm"], estimated["tpm"], self._factor.value)

    @property
    def best_batch(self) -> tuple[int, int]:
        """Texts and (estimated) tokens of the largest batch that can be spaced evenly; 0: any."""
        texts, tokens = self._best("rpm"), self._best("tpm")
        if texts and not self._counts_calls:
            most = min(texts, LARGEST_BATCH)
            limit = self._minute.limit("rpm")
            # Of the sizes about that, one that divides the limit leaves nothing of it over.
            texts = max(range(-(-most * 2 // 3), most + 1), key=lambda n: (-(limit % n), n))
        return (
            0 if self._counts_calls else texts,
            max(1, int(tokens / self._factor.value)) if tokens else 0,
        )

    def best_batch_for(self, most_tokens: int) -> tuple[int, int]:
        """The same for a service that takes at most so many tokens a call; 0 for any number."""
        texts, tokens = self.best_batch
        if not most_tokens:
            return texts, tokens
        most = int(self.estimate_of(most_tokens) * ESTIMATED_SHARE)
        return texts, min(tokens or most, most)

    def _best(self, name: Name) -> int:
        limit = self._minute.limit(name)
        share = SEARCH_SHARE if self._minute.estimators[name].searching else BURST_SHARE
        return max(1, limit // share) if limit else 0

    def state(self) -> QuotaState:
        """For those who watch."""
        now, limits = self._clock(), self.limits
        # Those whose call was refused sleep elsewhere, and nobody else may want to call.
        paused = "service" if self._resume_at > now else ""
        return QuotaState(
            round(self._minute.limiters["rpm"].used(now)),
            limits.rpm,
            round(self._minute.limiters["tpm"].used(now)),
            limits.tpm,
            self._day.used,
            limits.rpd,
            self._waiting_for or paused,
            self._jitter.margin,
        )

    # -- admission -------------------------------------------------------------------------

    async def acquire(self, texts: int, tokens: int) -> Admission:
        """Wait until a call of that size keeps within every limit.

        Args:
            tokens: as estimated.

        Raises:
            DailyQuotaError: the day's texts would be exceeded.
        """
        counted = 1 if self._counts_calls else texts
        # In the order of asking: a large call would starve behind small ones. Both limits
        # under one lock: taken apart, two calls could wait for each other.
        async with self._lock:
            try:
                amounts = await self._turn(counted, tokens)
            finally:
                self._waiting_for = ""
            # Nothing is awaited between the last look and this: what is counted is sent.
            now = self._clock()
            levels = {name: self._minute.limiters[name].take(amounts[name], now) for name in NAMES}
            self._day.take(counted)
            self._in_flight += 1
            return Admission(now, counted, int(amounts["tpm"]), levels)

    async def _turn(self, texts: int, tokens: int) -> Amounts:
        """Return when a call may be sent, with what it takes of each limit."""
        spaced = False
        while True:
            try:
                self._day.check(texts)
            except DailyQuotaError:
                if not self._in_flight:
                    raise
                # The day is used up only when no call can give its texts back.
                await self._changed.wait()
                continue
            now = self._clock()
            amounts: Amounts = {"rpm": texts, "tpm": self._factor.apply(tokens)}
            self._probe(amounts, now)
            wait, self._waiting_for = self._wait(amounts, now)
            if wait > 0:
                await anyio.sleep(min(wait, max(_LONGEST_SLEEP, _SHARE_SLEPT * wait)))
            elif self._is_crowded(now):
                await self._changed.wait()
            elif spaced:
                return amounts
            else:
                for name in NAMES:
                    self._waiting_for = _REASONS[name]
                    await self._minute.limiters[name].space(amounts[name])
                spaced = True

    def _wait(self, amounts: Amounts, now: float) -> tuple[float, str]:
        """Seconds until neither a window nor a pause forbids a call, and what does."""
        waits = (
            (self._minute.limiters[name].wait(amounts[name], now), _REASONS[name]) for name in NAMES
        )
        return max((self._resume_at - now, "service"), *waits)

    def _probe(self, amounts: Amounts, now: float) -> None:
        """Try a little more of what holds us back."""
        if self._streak.length:
            return
        before = self.limits
        for name in NAMES:
            limiter = self._minute.limiters[name]
            if limiter.wait(amounts[name], now) > 0 or not limiter.is_due(amounts[name]):
                self._minute.go_up_if_due(name, amounts[name], now)
        self._tell(before, "no 429 for a while")

    def _is_crowded(self, now: float) -> bool:
        """Whether another call might be refused for the same reason as those under way."""
        most = 1 if self._streak.halts else self._minute.most_in_flight(now)
        return 0 < most <= self._in_flight

    def fits(self, texts: int, tokens: int) -> bool:
        """Whether a call of that size fits into a minute at all."""
        counted = 1 if self._counts_calls else texts
        return (
            counted <= self._minute.limiters["rpm"].limit
            and self._factor.apply(tokens) <= self._minute.limiters["tpm"].limit
        )

    def give_back(self, admission: Admission) -> None:
        """A call that was admitted is not made after all."""
        self._forget(admission)
        self.ended()

    def _forget(self, admission: Admission) -> None:
        for name, limiter in self._minute.limiters.items():
            limiter.forget(admission.amounts[name], admission.at)
        self._day.give_back(admission.texts)

    def estimate_of(self, counted: int) -> int:
        """What we estimate where the service is expected to count so many tokens."""
        return int(counted / self._factor.value)

    def pause(self, seconds: float) -> None:
        """Admit nothing for so long; what is admitted afterwards keeps to the limits."""
        self._resume_at = max(self._resume_at, self._clock() + seconds)

    def ended(self) -> None:
        """A call that was admitted has ended, well or not; after what was estimated of it."""
        self._in_flight -= 1
        self._changed.set()
        self._changed = anyio.Event()

    # -- learning --------------------------------------------------------------------------

    def answered(
        self, admission: Admission, *, texts: int, estimated: int, counted: int | None
    ) -> None:
        """Take in a good answer: how long it took, and the tokens the service counted."""
        now, before = self._clock(), self.limits
        self._jitter.observe(texts, now - admission.at)
        self._minute.set_margin(self._jitter.margin)
        cleared = self._minute.answered(
            now, sent_at=admission.at, amounts=admission.amounts, levels=admission.levels
        )
        lost = self._streak.answered(now, sent_at=admission.at, cleared=cleared)
        if lost <= MADE_UP_FOR:
            for limiter in self._minute.limiters.values():
                limiter.owe(lost)
        self._tell(before, "no 429 so far")
        if counted is not None:
            self._factor.observe(estimated, counted)

    def refused(
        self, admission: Admission, *, rpm: int | None = None, tpm: int | None = None
    ) -> None:
        """Take in a 429: the service's own figures where it names some."""
        now, minute, before = self._clock(), self._minute, self.limits
        told: dict[Name, int] = {"rpm": rpm or 0, "tpm": tpm or 0}
        self._forget(admission)
        self._streak.refused(now, sent_at=admission.at)
        named = [name for name in NAMES if told[name]]
        for name in named or [minute.fullest(now)]:
            used = minute.limiters[name].used(now)
            if name == "tpm" and tpm and used < ALONE * tpm and self._factor.correct(tpm, used):
                # Not more than was allowed, by our estimate: it is the estimate that is low.
                minute.limiters[name].recount(self._factor.last_correction)
                used = tpm
            refusal = Refusal(
                sent_at=admission.at,
                amount=admission.amounts[name],
                level=admission.levels[name],
                used=used,
                told=told[name],
                others=self._streak.needed,
                # Without this one.
                under_way=self._in_flight - 1,
            )
            if minute.refuse(name, now, refusal):
                self._jitter.widen()
                minute.set_margin(self._jitter.margin)
        self._tell(before, "the service said so" if named else "429 without a limit")

    @property
    def refusals_in_a_row(self) -> int:
        """Since the last call that went through."""
        return self._streak.length

    @property
    def halts(self) -> bool:
        """Whether a refusal has to make all calls wait."""
        return self._streak.halts

    def _tell(self, before: QuotaLimits, why: str) -> None:
        limits = self.limits
        if limits != before:
            self._events.emit(QuotaChanged(limits.rpm, limits.tpm, why))
