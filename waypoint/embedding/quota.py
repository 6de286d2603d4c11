"""The account's quota, and the pace that keeps within it.

Every text counts as one request (docs/architecture.md says where that is known from), so
RPM means texts a minute. A leaky bucket of burst ``b`` that leaks ``b`` every ``T'`` seconds
admits at most ``b + 60 * b / T'`` within any 60 s. With ``T' = 60 * b / (Q - b)`` that is
exactly ``Q``: no window, fixed or sliding, ever sees more. What the burst costs is ``b / Q``
of the quota, so bursts, and with them batches, are kept to a hundredth of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio
from aiolimiter import AsyncLimiter

from waypoint.errors import DailyQuotaError
from waypoint.events import EventBus, QuotaChanged
from waypoint.settings import QuotaSettings, QuotaTier

WINDOW = 60.0
"""Seconds over which the service counts."""

JITTER = 0.6
"""Seconds by which the way from us to the service may vary: what arrives late falls into a
later window, so the pace keeps ``JITTER / WINDOW`` clear of the limit."""

BURST_SHARE = 100
"""A burst is at most the quota divided by this."""

RAISE_AFTER = 20.0
"""Seconds without a 429 after which ``auto`` doubles its pace."""

BACK_OFF = 0.7
"""What ``auto`` keeps of its pace after a 429 that names no limit."""


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """What the account allows; 0 means no limit."""

    rpm: int
    """Texts a minute."""
    tpm: int
    """Tokens a minute."""
    rpd: int
    """Texts a day."""

    @property
    def unlimited(self) -> bool:
        return not (self.rpm or self.tpm or self.rpd)


TIERS = {
    QuotaTier.FREE: QuotaLimits(100, 30_000, 1_000),
    QuotaTier.ONE: QuotaLimits(3_000, 1_000_000, 0),
    QuotaTier.TWO: QuotaLimits(5_000, 5_000_000, 0),
    QuotaTier.THREE: QuotaLimits(10_000, 10_000_000, 0),
}
"""Per project, as users observed them; Google no longer publishes them per model."""

# ``auto`` cannot know the day's limit: the service tells when it is reached.
AUTO_START = replace(TIERS[QuotaTier.FREE], rpd=0)


def limits_for(settings: QuotaSettings, *, simulated: bool) -> QuotaLimits:
    """The limits a run starts with: the tier's, each replaced by what was given for it.

    A simulator of our own has no account, so with it no limit is the default.
    """
    if settings.tier is QuotaTier.AUTO:
        base = QuotaLimits(0, 0, 0) if simulated else AUTO_START
    else:
        base = TIERS[settings.tier]
    return QuotaLimits(
        base.rpm if settings.rpm is None else settings.rpm,
        base.tpm if settings.tpm is None else settings.tpm,
        base.rpd if settings.rpd is None else settings.rpd,
    )


class Bucket:
    """One limit of ``limit`` units a minute, admitted in order of asking."""

    def __init__(self, limit: float, *, largest: float) -> None:
        self._largest = largest
        self._limit = limit
        self._owed = 0.0
        self._limiter = self._build()

    @property
    def limit(self) -> float:
        return self._limit

    @property
    def burst(self) -> float:
        """Most units admitted at once."""
        return self._limiter.max_rate

    def _build(self) -> AsyncLimiter:
        paced = self._limit * (1 - JITTER / WINDOW)
        # Never the whole minute in one burst, however large a single amount is.
        burst = min(max(paced / BURST_SHARE, self._largest), paced / 2)
        return AsyncLimiter(burst, WINDOW * burst / (paced - burst))

    async def change(self, limit: float) -> None:
        """Go on at another limit. The new bucket starts full: a change is never a burst."""
        self._limit = limit
        limiter = self._build()
        await limiter.acquire(limiter.max_rate)
        self._limiter = limiter

    async def acquire(self, amount: float) -> None:
        """Wait until ``amount`` more units keep within the limit."""
        if amount > self._largest:
            self._largest = amount
            if amount > self.burst:
                await self.change(self._limit)
        # What is larger than the bucket is taken in parts, but sent at once: the surplus is
        # taken a second time before the next amount, and no minute sees more than it may.
        open_amount = amount + self._owed
        while open_amount > 0:
            limiter = self._limiter
            part = min(open_amount, limiter.max_rate)
            await limiter.acquire(part)
            # A limiter that was replaced while we waited has not counted this part.
            if limiter is self._limiter:
                open_amount -= part
        self._owed = max(0.0, amount - self.burst)

    async def put_off(self, amount: float, seconds: float) -> None:
        """Count an amount that was taken ``seconds`` ago as if it were taken now.

        It is sent only now: what leaked since would let the next ones follow too closely.
        """
        leaked = seconds * self._limiter.max_rate / self._limiter.time_period
        await self._limiter.acquire(min(amount, leaked, self._limiter.max_rate))


class Quota:
    """Admits calls at the pace of the account, texts first, then tokens.

    Args:
        limits: what the account allows.
        adaptive: raise the pace while nothing speaks against it (``auto``).
        used_today: texts already counted against the day's limit.
        clock: monotonic seconds; the event loop's own paces the buckets.
    """

    def __init__(
        self,
        limits: QuotaLimits,
        events: EventBus,
        *,
        adaptive: bool = False,
        used_today: int = 0,
        largest_text_tokens: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._events = events
        self._adaptive = adaptive
        self._used_today = used_today
        self._clock = clock
        self._lock = anyio.Lock()
        self._texts = Bucket(limits.rpm, largest=1) if limits.rpm else None
        self._tokens = Bucket(limits.tpm, largest=largest_text_tokens) if limits.tpm else None
        self._raised_at = clock()
        self._resume_at = clock()
        self._sent: deque[tuple[float, int]] = deque()
        self._sent_in_window = 0

    @property
    def best_batch(self) -> tuple[int, int]:
        """Texts and tokens of the largest batch that costs no pace; 0 where nothing limits."""
        texts = max(1, int(self._texts.burst)) if self._texts else 0
        tokens = max(1, int(self._tokens.burst)) if self._tokens else 0
        return texts, tokens

    @property
    def share_in_use(self) -> float | None:
        """Texts sent in the last minute, as a share of the limit; None without a limit."""
        self._forget_old(self._clock())
        return self._sent_in_window / self.limits.rpm if self.limits.rpm else None

    async def acquire(self, texts: int, tokens: int) -> None:
        """Wait until a call of that size keeps within every limit.

        Raises:
            DailyQuotaError: the day's texts would be exceeded.
        """
        # One lock for both buckets: aiolimiter serves small amounts first, and would starve
        # large ones; texts and tokens taken apart would let two calls wait for each other.
        async with self._lock:
            if self.limits.rpd and self._used_today + texts > self.limits.rpd:
                raise daily_quota_error(
                    self.limits.rpd, remaining=max(0, self.limits.rpd - self._used_today)
                )
            if self._adaptive:
                await self._raise_if_due()
            await self._pause_over()
            taken = []
            for bucket, amount in ((self._texts, texts), (self._tokens, tokens)):
                if bucket:
                    await bucket.acquire(amount)
                    taken.append((bucket, amount, self._clock()))
            # Another worker may have met a 429 while we waited.
            await self._pause_over()
            for bucket, amount, at in taken:
                await bucket.put_off(amount, self._clock() - at)
            self._used_today += texts
            self._count(texts)

    @property
    def paused(self) -> bool:
        """Whether nothing is admitted for now, since the service said to wait."""
        return self._resume_at > self._clock()

    def pause(self, seconds: float) -> None:
        """Admit nothing for so long; what is admitted afterwards keeps to the pace."""
        self._resume_at = max(self._resume_at, self._clock() + seconds)

    async def _pause_over(self) -> None:
        # Not an event: the pause may be prolonged while we wait for its end.
        while self.paused:  # noqa: ASYNC110
            await anyio.sleep(self._resume_at - self._clock())

    async def learn(
        self, *, rpm: int | None = None, tpm: int | None = None, backed_off: bool = False
    ) -> None:
        """Take the service's word after a 429; without a figure, slow down if adaptive."""
        limits = self.limits
        if rpm:
            limits = replace(limits, rpm=rpm)
        if tpm:
            limits = replace(limits, tpm=tpm)
        if rpm or tpm:
            # The service has said what it allows: there is nothing left to find out upwards.
            self._adaptive = False
        elif backed_off and self._adaptive and limits.rpm:
            limits = replace(limits, rpm=max(1, int(limits.rpm * BACK_OFF)))
        self._raised_at = self._clock()
        await self._adopt(limits, "the service said so" if rpm or tpm else "429 without a limit")

    async def _raise_if_due(self) -> None:
        if self._clock() - self._raised_at < RAISE_AFTER:
            return
        self._raised_at = self._clock()
        doubled = replace(self.limits, rpm=self.limits.rpm * 2, tpm=self.limits.tpm * 2)
        await self._adopt(doubled, f"no 429 for {RAISE_AFTER:.0f} s")

    async def _adopt(self, limits: QuotaLimits, why: str) -> None:
        if limits == self.limits:
            return
        if limits.rpm != self.limits.rpm:
            if self._texts is None:
                self._texts = Bucket(limits.rpm, largest=1)
            await self._texts.change(limits.rpm)
        if limits.tpm != self.limits.tpm:
            if self._tokens is None:
                self._tokens = Bucket(limits.tpm, largest=0)
            await self._tokens.change(limits.tpm)
        self.limits = limits
        self._events.emit(QuotaChanged(limits.rpm, limits.tpm, why))

    def _count(self, texts: int) -> None:
        now = self._clock()
        self._sent.append((now, texts))
        self._sent_in_window += texts
        self._forget_old(now)

    def _forget_old(self, now: float) -> None:
        while self._sent and self._sent[0][0] <= now - WINDOW:
            self._sent_in_window -= self._sent.popleft()[1]


def daily_quota_error(limit: int | None, *, remaining: int = 0) -> DailyQuotaError:
    """The error for a day's texts used up; ``limit`` where it is known.

    ``remaining``: texts that are left, too few for the call that was to be made.
    """
    allowed = f" ({limit:,} texts)" if limit else ""
    return DailyQuotaError(
        f"the day's quota{allowed} is used up",
        hint="run the same command again after midnight Pacific time; what is paid is kept",
        remaining=remaining,
    )
