"""Rate estimation: where a limit lies that nobody told us, or that others share with us.

It is searched from below, at a rate that rises with what has gone through, until the service
refuses. What counts is the **level**: what it has let through of us within a minute, at the
moment of a call. A quota refuses every call above one level, and none below it. So a refusal is
only suspected to be the quota's, until enough calls in a row were refused at that level or
above; one call that goes through there clears it, and it was for want of capacity or another
reason that no rate mends. From then on the level stays at what was found, and now and then a
little more is tried: a quota that rises is found, and one that stays costs a refusal every
minute or two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from waypoint.embedding.rate_limit.rate_limiter import WINDOW
from waypoint.models import EstimatedLimit

RAMP = 34.0
"""The rate of the search, in units a minute, is so many times the geometric mean of what went
through and of a hundredth of the largest limit that is likely. So it rises evenly, and the
largest is reached after 40 s, at thrice its own rate."""
LARGEST_STEP_OF_RAMP = 1.25
TOO_FEW = 0.1
"""Share of the first rate: if as little as that went through, a refusal tells no limit."""

COOLDOWN = 30.0
"""Seconds after a lesson before the limit is probed again; longer after each fruitless probe."""
MAX_COOLDOWN = 120.0
COOLDOWN_GROWTH = 2.0
FIRST_STEP = 0.04
"""Share by which a probe goes up; doubled with each step that goes through."""
PROBE_LASTS = 10.0
"""Seconds in which it has to be sent: what takes longer is held back by something else."""
SEARCH_FROM = 0.1
"""Instead of a larger step, the limit is searched again."""

ALONE = 0.9
"""Share of the service's figure that we had used ourselves, from which on we take ourselves to
be alone. With less, somebody else has used the rest."""

SEARCHING_NEEDS, NEEDS, PROBING_NEEDS = 3, 2, 1
"""Refusals in a row that are taken for the limit's: few where it is known to be near."""

OVERTAKING = 0.25
"""Seconds within which a call may arrive before one that was sent earlier."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that the service refused, held against one limit."""

    sent_at: float
    amount: float
    """What it was of."""
    level: float
    """What it would have brought our own count to."""
    used: float
    """What the service has counted of us in the last minute."""
    told: float
    """The limit the service named; 0 for none."""
    others: int
    """Refusals in a row, from which on they can't be of anything else."""
    under_way: int
    """Calls of which it is not known yet whether they go through."""


@dataclass(slots=True)
class _Suspect:
    """A refusal that may be of the limit: nothing has gone through at its level since."""

    sent_at: float
    at: float
    amount: float
    level: float
    reached: float = 0.0
    """The highest level at which something did."""


class RateEstimator:
    """One limit, in units a minute. Times are seconds of one monotonic clock.

    Args:
        start: what is tried first.
        largest: what it may well be, at most; the search is made for it.
        ceiling: what is never exceeded, because the user said so; 0 for none.
        found: whether ``start`` was found before, and need not be searched.
        passed: what an earlier run saw go through; one that asks for less does not forget it.
    """

    def __init__(
        self,
        start: float,
        *,
        largest: float,
        ceiling: float,
        found: bool,
        now: float,
        passed: float = 0.0,
    ) -> None:
        self.value = start
        self.searching = not found and not ceiling
        """No limit has been met yet."""
        self._start = start
        self._largest = largest
        self._ceiling = ceiling
        self._passed = passed
        self._through = 0.0
        self._began = self._changed_at = now
        self._cooldown = COOLDOWN
        self._due = now + WINDOW + COOLDOWN
        self._step = FIRST_STEP
        self._probed_from = self._probe_reached = self._probed_at = 0.0
        self._suspects: list[_Suspect] = []
        self._blamed = 0
        """Refusals by which the limit was found."""

    def estimated(self, *, used: float) -> EstimatedLimit:
        """What is worth keeping. ``used``: what the service counted in the last minute."""
        if not math.isfinite(self.value):
            return EstimatedLimit()
        if self.searching:
            return EstimatedLimit(int(min(self.value, max(self._passed, used))))
        return EstimatedLimit(int(self._probed_from or self.value), met=True)

    @property
    def lowered(self) -> bool:
        """Whether it is below what was given."""
        return 0 < self.value < self._ceiling

    def most_in_flight(self, now: float) -> int:
        """Calls that may be under way where each may be the first that is too much; 0: any."""
        if self.searching:
            # A whole minute without a refusal: the limit is no more a matter of a few calls.
            young = now - self._began < WINDOW and math.isfinite(self.value)
            return SEARCHING_NEEDS if young else 0
        if not self._probed_from:
            return 0
        return 2 if self._step == FIRST_STEP else SEARCHING_NEEDS

    # -- upwards ---------------------------------------------------------------------------

    def answered(self, now: float, *, sent_at: float, amount: float, level: float) -> int:
        """A call of that amount went through at that level.

        Returns how many refusals it clears: they were not of this limit.
        """
        self._through += amount
        if self.searching:
            rate = RAMP * math.sqrt(self._through * self._largest / 100)
            if rate >= LARGEST_STEP_OF_RAMP * self.value:
                self.value = rate
        elif self._probed_from < level:
            self._probe_reached = max(self._probe_reached, level)
        cleared = 0
        if self._probed_from and level >= max(
            self.value - amount, (self.value + self._probed_from) / 2
        ):
            cleared = self._raise(now)
        elif self._probed_from and now > self._probed_at + PROBE_LASTS:
            self._settle(self._probed_from, now)
        # Those under way together with it were counted in its level, and did not go through.
        level -= sum(each.amount for each in self._suspects if each.sent_at < sent_at <= each.at)
        for each in self._suspects:
            if sent_at > each.sent_at + OVERTAKING:
                each.reached = max(each.reached, level)
        # By a call more: arrivals vary, and with them what the service had counted.
        kept = [each for each in self._suspects if each.reached < each.level + each.amount]
        cleared += len(self._suspects) - len(kept)
        self._suspects = [each for each in kept if each.at > now - WINDOW]
        return cleared

    def _raise(self, now: float) -> int:
        """More went through than was found: the limit is another one, or never was one."""
        # Where it was found just now, what it was found by was of no limit.
        cleared = self._blamed if now < self._changed_at + WINDOW + COOLDOWN else 0
        self._blamed = 0
        self._probed_from = 0.0
        self._step *= 2
        self._cooldown = COOLDOWN
        self._due = now
        if self._step > SEARCH_FROM and not self._ceiling:
            self._began = now
            self._through = self._passed = self.value
            self.searching = True
        return cleared

    def is_due(self, now: float) -> bool:
        """Whether more may be tried, if this limit is what holds us back."""
        return (
            not self.searching
            and math.isfinite(self.value)
            and now >= self._due
            and not self._probed_from
            and (not self._ceiling or self.value < self._ceiling)
        )

    def step(self, amount: float) -> float:
        """What is tried beyond the limit that was found, in calls of that amount."""
        return max(1.0, 2 * amount, self.value * self._step)

    def go_up(self, amount: float, now: float) -> None:
        """Try a little more, all of it at once: only a level that is reached is answered."""
        self._probed_from = self._probe_reached = self.value
        self._probed_at = now
        self.value += self.step(amount)
        if self._ceiling:
            self.value = min(self.value, self._ceiling)

    # -- downwards -------------------------------------------------------------------------

    def refuse(self, now: float, refusal: Refusal) -> bool:
        """Take in that the service refused a call.

        Returns:
            Whether we exceeded a limit that we knew, although we kept to it.
        """
        told, used, level = refusal.told, refusal.used, refusal.level
        is_news = refusal.sent_at > self._changed_at
        if told and (used >= ALONE * told or self.searching or told < self.value):
            known = abs(told - self.value) <= 0.01 * told and not self.searching
            if is_news or not known:
                self._settle(told, now)
            if used >= ALONE * told:
                return known and is_news
        if not is_news or not math.isfinite(self.value):
            return False
        self._suspects.append(_Suspect(refusal.sent_at, now, refusal.amount, level))
        # Of a minute that began before us, we do not know what is used.
        young = not self.searching and now - self._began < WINDOW
        if young or (self.searching and used < TOO_FEW * self._start):
            return False
        probing = 0 < self._probed_from < level
        if probing or told:
            needed = max(PROBING_NEEDS, refusal.others)
        else:
            needed = max(SEARCHING_NEEDS if self.searching else NEEDS, refusal.others)
            needed += refusal.under_way
        found = self._explained(needed)
        if found:
            self._blamed = len(self._suspects)
            if probing:
                found = max(self._probed_from, self._probe_reached - refusal.amount)
            self._settle(min(found, self.value), now)
        return False

    def _explained(self, needed: int) -> float:
        """A limit that so many refusals would be of; 0 for none."""
        for limit in sorted((each.level for each in self._suspects), reverse=True):
            # Of one above which something went through in between, they were not.
            of_it = [each for each in self._suspects if each.reached < limit <= each.level]
            if len(of_it) >= needed:
                # What was sent before the lowest of them, or went through in between.
                lowest = min(of_it, key=lambda each: each.level)
                return max(1.0, lowest.level - lowest.amount, *(each.reached for each in of_it))
        return 0.0

    def _settle(self, value: float, now: float) -> None:
        fruitless = self._probed_from and abs(value - self._probed_from) <= 0.02 * value
        self._cooldown = (
            min(MAX_COOLDOWN, self._cooldown * COOLDOWN_GROWTH) if fruitless else COOLDOWN
        )
        self.value = max(1.0, min(value, self._ceiling) if self._ceiling else value)
        self.searching = False
        self._suspects = []
        self._step = FIRST_STEP
        self._probed_from = 0.0
        self._changed_at = now
        self._due = now + self._cooldown
