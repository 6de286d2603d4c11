"""All limits together: when a call may be sent, and what is learned from its outcome."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

from waypoint.embedding.quota.day import DayCount
from waypoint.embedding.quota.finding import ALONE, LimitFinder
from waypoint.embedding.quota.jitter import JitterMeter
from waypoint.embedding.quota.limits import QuotaLimits
from waypoint.embedding.quota.pace import Pace
from waypoint.embedding.quota.token_factor import TokenFactor
from waypoint.events import EventBus, QuotaChanged
from waypoint.models import LearnedLimit, LearnedQuota

BURST_SHARE = 100
"""A batch is at most the limit divided by this: small batches make an even pace."""

BINDING = 0.8
"""Share of a limit in use from which on it is taken to be what holds us back."""

_LOOK_BACK = 15.0
"""Seconds over which that share is taken."""
_LONGEST_SLEEP = 1.0
"""Seconds after which a waiter looks again: limits change while it waits."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may be sent now."""

    at: float
    texts: int
    """As the quota counts them: 1 for the call where calls are what counts."""
    tokens: int
    """As estimated, corrected by what the service counted before."""


@dataclass(frozen=True, slots=True)
class QuotaState:
    """What is used of each limit; a limit of 0 is none."""

    texts_in_minute: int
    rpm: int
    tokens_in_minute: int
    tpm: int
    texts_today: int
    rpd: int
    waiting_for: str
    """``texts``, ``tokens``, ``service`` (it said to wait), or empty."""
    waiting_since: float
    """By the quota's clock; 0 if nothing waits."""
    margin: float
    """Seconds that the pace keeps clear, since arrivals vary."""


class Quota:
    """Admits calls at the pace of the account.

    Args:
        limits: what the account allows, or is tried first.
        to_find: names of the limits that are to be found: ``rpm``, ``tpm``.
        learned: what an earlier run found of these.
        used_today: texts already counted against the day's limit.
        counts_calls: a call counts as one, however many texts it has.
        clock: monotonic seconds; now: the wall clock, in UTC.
    """

    def __init__(
        self,
        limits: QuotaLimits,
        events: EventBus,
        *,
        to_find: frozenset[str] = frozenset(),
        learned: LearnedQuota | None = None,
        used_today: int = 0,
        counts_calls: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._events = events
        self._clock = clock
        self._sleep = sleep
        self._counts_calls = counts_calls
        self._to_find = to_find
        self._lock = anyio.Lock()
        self._jitter = JitterMeter()
        self._factor = TokenFactor(learned.token_factor if learned else 1.0)
        self._day = DayCount(limits.rpd, used_today, now)
        self._resume_at = clock()
        self._waiting: tuple[str, float] = ("", 0.0)
        nothing = LearnedLimit()
        self._finders = {
            "rpm": self._finder("rpm", limits.rpm, learned.rpm if learned else nothing),
            "tpm": self._finder("tpm", limits.tpm, learned.tpm if learned else nothing),
        }
        self._paces = {
            name: Pace(finder.value, margin=self._jitter.margin, now=clock())
            for name, finder in self._finders.items()
        }

    def _finder(self, name: str, limit: int, learned: LearnedLimit) -> LimitFinder:
        now, start = self._clock(), float(limit) or math.inf
        if name not in self._to_find:
            return LimitFinder(start, ceiling=start, found=True, now=now)
        start = float(learned.value) if learned.met else max(start, float(learned.value))
        return LimitFinder(start, ceiling=0, found=learned.met, now=now)

    # -- what it is ------------------------------------------------------------------------

    @property
    def limits(self) -> QuotaLimits:
        """The limits as they are known now."""
        return QuotaLimits(self._limit("rpm"), self._limit("tpm"), self._day.limit)

    def _limit(self, name: str) -> int:
        limit = self._paces[name].limit
        return int(limit) if math.isfinite(limit) else 0

    @property
    def learned(self) -> LearnedQuota | None:
        """What is worth keeping for the next run; None for nothing."""
        now = self._clock()
        learned = {
            name: finder.learned(used=self._paces[name].used(now))
            if name in self._to_find
            else LearnedLimit()
            for name, finder in self._finders.items()
        }
        if not any(each.value for each in learned.values()) and not self._factor.measured:
            return None
        return LearnedQuota(learned["rpm"], learned["tpm"], self._factor.value)

    @property
    def best_batch(self) -> tuple[int, int]:
        """Texts and (estimated) tokens of the largest batch that keeps the pace even; 0: any."""
        texts, tokens = self._limit("rpm"), self._limit("tpm")
        if texts and not self._counts_calls:
            most = max(1, texts // BURST_SHARE)
            # Of the sizes about that, one that divides the limit leaves nothing of it over.
            best_texts = max(range(-(-most * 2 // 3), most + 1), key=lambda n: (-(texts % n), n))
        else:
            best_texts = 0
        return best_texts, max(1, int(tokens / BURST_SHARE / self._factor.value)) if tokens else 0

    @property
    def share_in_use(self) -> float | None:
        """Texts sent in the last minute, as a share of the limit; None without a limit."""
        pace = self._paces["rpm"]
        return pace.used(self._clock()) / pace.limit if math.isfinite(pace.limit) else None

    def state(self) -> QuotaState:
        """For those who watch."""
        now, limits = self._clock(), self.limits
        return QuotaState(
            round(self._paces["rpm"].used(now)),
            limits.rpm,
            round(self._paces["tpm"].used(now)),
            limits.tpm,
            self._day.used,
            limits.rpd,
            *self._waiting,
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
                while True:
                    self._day.check(counted)
                    self._go_up_if_due()
                    amount = self._factor.apply(tokens)
                    now = self._clock()
                    wait, reason = max(
                        (self._resume_at - now, "service"),
                        (self._paces["rpm"].wait(counted, now), "texts"),
                        (self._paces["tpm"].wait(amount, now), "tokens"),
                    )
                    if wait <= 0:
                        break
                    if self._waiting[0] != reason:
                        self._waiting = (reason, now)
                    await self._sleep(min(wait, _LONGEST_SLEEP))
            finally:
                self._waiting = ("", 0.0)
            # Nothing is awaited between the last look and this: what is counted is sent.
            self._paces["rpm"].take(counted, now)
            self._paces["tpm"].take(amount, now)
            self._day.take(counted)
            return Admission(now, counted, amount)

    def fits(self, texts: int, tokens: int) -> bool:
        """Whether a call of that size fits into a minute at all."""
        counted = 1 if self._counts_calls else texts
        return (
            counted <= self._paces["rpm"].limit
            and self._factor.apply(tokens) <= self._paces["tpm"].limit
        )

    def pause(self, seconds: float) -> None:
        """Admit nothing for so long; what is admitted afterwards keeps to the pace."""
        self._resume_at = max(self._resume_at, self._clock() + seconds)

    # -- learning --------------------------------------------------------------------------

    def answered(
        self, admission: Admission, *, texts: int, estimated: int, counted: int | None
    ) -> None:
        """Take in a good answer: how long it took, and the tokens the service counted."""
        self._jitter.observe(texts, self._clock() - admission.at)
        for pace in self._paces.values():
            pace.keep_clear(self._jitter.margin)
        if counted is not None:
            self._factor.observe(estimated, counted)

    def refused(
        self, admission: Admission, *, rpm: int | None = None, tpm: int | None = None
    ) -> None:
        """Take in a 429: the service's own figures where it names some."""
        now = self._clock()
        amounts = {"rpm": admission.texts, "tpm": admission.tokens}
        for name, pace in self._paces.items():
            pace.refused(amounts[name], now)
        self._day.give_back(admission.texts)
        told = {"rpm": rpm or 0, "tpm": tpm or 0}
        named = [name for name, figure in told.items() if figure]
        before = self.limits
        for name in named or [self._fullest(now)]:
            used = self._paces[name].used(now)
            if name == "tpm" and tpm and used < ALONE * tpm and self._factor.correct(tpm, used):
                # Not more than was allowed, by our estimate: it is the estimate that is low.
                self._paces[name].recount(self._factor.last_correction)
                used = tpm
            finder = self._finders[name]
            exceeded = finder.refuse(now, sent_at=admission.at, used=used, told=told[name])
            if exceeded:
                self._jitter.widen()
                for pace in self._paces.values():
                    pace.keep_clear(self._jitter.margin)
            self._paces[name].change(finder.value, now)
            if amounts[name] > finder.value:
                for other, pace in self._paces.items():
                    pace.forget(amounts[other], admission.at)
        self._tell(before, "the service said so" if named else "429 without a limit")

    def _fullest(self, now: float) -> str:
        shares = {
            name: pace.used(now) / pace.limit if math.isfinite(pace.limit) else 0.0
            for name, pace in self._paces.items()
        }
        return max(shares, key=lambda name: shares[name])

    def _go_up_if_due(self) -> None:
        now = self._clock()
        due = [
            name
            for name in self._to_find | self._lowered()
            if math.isfinite(self._paces[name].limit) and self._finders[name].is_due(now)
        ]
        if not due:
            return
        before = self.limits
        binding = [name for name in due if self._binds(name, now)]
        searching = [name for name in due if self._finders[name].searching]
        if any(name in searching for name in binding):
            # Together: else one would hold back the other, and each would be found in turn.
            binding = list({*binding, *searching})
        for name in due:
            if name in binding:
                self._finders[name].go_up(now, used=self._paces[name].used(now))
                self._paces[name].change(self._finders[name].value, now)
            else:
                self._finders[name].put_off(now)
        self._tell(before, "no 429 for a while")

    def _lowered(self) -> set[str]:
        """Limits that were given, and then found to be lower: they may rise again."""
        return {name for name, finder in self._finders.items() if finder.lowered}

    def _binds(self, name: str, now: float) -> bool:
        pace = self._paces[name]
        return pace.sent_since(now - _LOOK_BACK) >= BINDING * pace.limit * _LOOK_BACK / 60

    def _tell(self, before: QuotaLimits, why: str) -> None:
        limits = self.limits
        if limits != before:
            self._events.emit(QuotaChanged(limits.rpm, limits.tpm, why))
