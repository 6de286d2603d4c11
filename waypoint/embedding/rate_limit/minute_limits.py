"""The limits of a minute, each with its rate limiter and with its estimator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

from waypoint.embedding.rate_limit.estimator import RateEstimator, Refusal
from waypoint.embedding.rate_limit.limits import TIERS, QuotaLimits
from waypoint.embedding.rate_limit.rate_limiter import WINDOW, RateLimiter
from waypoint.models import EstimatedLimit, EstimatedQuota
from waypoint.settings import QuotaTier

Name: TypeAlias = Literal["rpm", "tpm"]
NAMES: tuple[Name, ...] = ("rpm", "tpm")
Amounts: TypeAlias = Mapping[Name, float]
"""Texts and tokens."""

LARGEST: Mapping[Name, int] = {
    "rpm": TIERS[QuotaTier.THREE].rpm,
    "tpm": TIERS[QuotaTier.THREE].tpm,
}
"""What is likely to be found at most; more is found as well, only later."""

QUIET, QUIET_AFTER_BURST = 2.2, 6.0
"""Seconds in which as much as is tried must not come free by itself. After a burst it is tried at
its end: a service that counts in fixed minutes has most of it in the present one then."""


class MinuteLimits:
    """Texts and tokens a minute. Times are seconds of the event loop's clock.

    Args:
        to_find: those that nobody told.
        estimated: what an earlier run found of these.
        margin: seconds that the limiters keep clear.
    """

    def __init__(
        self,
        limits: QuotaLimits,
        *,
        to_find: frozenset[str],
        estimated: EstimatedQuota | None,
        margin: float,
        now: float,
    ) -> None:
        self._to_find = [name for name in NAMES if name in to_find]
        told: Mapping[Name, int] = {"rpm": limits.rpm, "tpm": limits.tpm}
        known: Mapping[Name, EstimatedLimit] = (
            {"rpm": estimated.rpm, "tpm": estimated.tpm} if estimated else {}
        )
        self._known = known
        self.limiters: dict[Name, RateLimiter] = {}
        self.estimators: dict[Name, RateEstimator] = {}
        for name in NAMES:
            start = float(told[name]) or math.inf
            if name in to_find:
                before = known.get(name, EstimatedLimit())
                start = float(before.value) if before.met else max(start, float(before.value))
                passed, found, ceiling = float(before.value), before.met, 0.0
            else:
                passed, found, ceiling = 0.0, True, start
            self.estimators[name] = RateEstimator(
                start, largest=LARGEST[name], ceiling=ceiling, found=found, now=now, passed=passed
            )
            self.limiters[name] = RateLimiter(start, margin=margin)

    def most_in_flight(self, now: float) -> int:
        """Calls that may be under way, so that few are refused; 0: any."""
        most = (each.most_in_flight(now) for each in self.estimators.values())
        return min((each for each in most if each), default=0)

    def limit(self, name: Name) -> int:
        """A limit as it is known now; 0 for none."""
        limit = self.limiters[name].limit
        return int(limit) if math.isfinite(limit) else 0

    def estimated(self, now: float) -> dict[Name, EstimatedLimit]:
        """What is worth keeping for the next run; of what was given, what was known before."""
        return {
            name: self.estimators[name].estimated(used=self.limiters[name].used(now))
            if name in self._to_find
            else self._known.get(name, EstimatedLimit())
            for name in NAMES
        }

    def set_margin(self, margin: float) -> None:
        """Seconds by which arrivals may vary."""
        for limiter in self.limiters.values():
            limiter.set_margin(margin)

    def fullest(self, now: float) -> Name:
        """The limit that a refusal which names none is most likely about."""

        def share(name: Name) -> float:
            limiter = self.limiters[name]
            return limiter.used(now) / limiter.limit if math.isfinite(limiter.limit) else 0.0

        return max(NAMES, key=share)

    def answered(self, now: float, *, sent_at: float, amounts: Amounts, levels: Amounts) -> int:
        """Take in a good answer, as ``RateEstimator.answered`` says."""
        cleared = 0
        for name, estimator in self.estimators.items():
            cleared += estimator.answered(
                now, sent_at=sent_at, amount=amounts[name], level=levels[name]
            )
            self._follow(name)
        return cleared

    def refuse(self, name: Name, now: float, refusal: Refusal) -> bool:
        """Take in a refusal, as ``RateEstimator.refuse`` says, and go on at what it teaches."""
        estimator, limiter = self.estimators[name], self.limiters[name]
        searching = estimator.searching
        exceeded = estimator.refuse(now, refusal)
        self._follow(name)
        if searching and not estimator.searching:
            # What the search sent at once comes free at once: evened out, it would leave a part
            # of each window that passes meanwhile empty.
            limiter.unspaced = True
        return exceeded

    def go_up_if_due(self, name: Name, amount: float, now: float) -> None:
        """Try a little more of what holds us back, if nothing spoke against it for a while."""
        estimator, limiter = self.estimators[name], self.limiters[name]
        quiet = QUIET_AFTER_BURST if limiter.unspaced else QUIET
        if (
            (name in self._to_find or estimator.lowered)
            and estimator.is_due(now)
            # Full, and not about to be free: what is tried has to be more than what was found.
            and limiter.wait(estimator.step(amount) + amount, now) >= quiet
        ):
            before = limiter.limit
            estimator.go_up(amount, now)
            self._follow(name)
            limiter.owe(WINDOW * (1 - before / limiter.limit))

    def _follow(self, name: Name) -> None:
        if self.limiters[name].limit != self.estimators[name].value:
            self.limiters[name].change(self.estimators[name].value)
