"""Where a limit lies that nobody told us, or that others share with us.

It is searched from below by doubling, until the service refuses for the first time. A refusal
tells much: the service's own figure if it names one, and in any case what it had counted of us
in the minute before. From then on the pace stays just below what was found, and now and then
goes up in small steps, which grow while nothing speaks against them: a quota that rises during
the run is found, and one that stays costs a refusal at most every minute or two.
"""

from __future__ import annotations

import math

from waypoint.embedding.quota.pace import WINDOW
from waypoint.models import LearnedLimit

DOUBLE_EVERY = 15.0
"""Seconds without a refusal after which the search doubles its pace. The service counts a
minute, so a pace it would not bear is noticed only after a while: faster doubling overshoots."""

HOLD = 60.0
"""Seconds after a refusal before the limit is probed again; longer after each probe in vain."""
LONGEST_HOLD = 120.0
HOLD_GROWS = 1.4

STEP_EVERY = 15.0
FIRST_STEP = 0.04
"""Share by which a probe goes up; doubled with each step once it is seen that the limit rose."""
LARGEST_STEP = 1.0
RISEN = 1.02
"""Times the found limit, let through in a minute, from which on it has risen."""

ALONE = 0.9
"""Share of the service's figure that we had used ourselves, from which on we take ourselves to
be alone. With less, somebody else has used the rest."""

BACK_OFF = 0.97
"""What is kept of the found limit, so as not to touch it again at once."""
BACK_OFF_AGAIN = 0.8
"""The same where the last refusal is less than a minute ago: the estimate was no good."""
DEAF = 10.0
"""Seconds after a lesson in which no other is taken: its pace has to show first."""
FEW = 0.15
"""Share of a minute's calls: as few refusals as that may have nothing to do with our pace."""
IN_VAIN = 3
"""Times that the pace was lowered after few refusals, and as few came at the lower pace: whatever
they are of, it is not the pace. From then on few refusals are borne."""
WORST = 0.5
"""One refusal never costs more than this share of the pace."""


class LimitFinder:
    """One limit, in units a minute. Times are seconds of one monotonic clock.

    Args:
        start: what is tried first.
        ceiling: what is never exceeded, because the user said so; 0 for none.
        found: whether ``start`` was found before, and is not to be doubled from.
        passed: what an earlier run saw go through; one that asks for less does not forget it.
    """

    def __init__(
        self, start: float, *, ceiling: float, found: bool, now: float, passed: float = 0.0
    ) -> None:
        self.value = start
        self._ceiling = ceiling
        self._searching = not found and not ceiling
        self._began = self._changed_at = now
        self._refused_at = -1e9
        self._hold = HOLD
        self._due = now + (DOUBLE_EVERY if self._searching else HOLD)
        self._step = FIRST_STEP
        self._probed_from = 0.0
        self._in_vain = 0
        self._passed = passed

    def learned(self, *, used: float) -> LearnedLimit:
        """What is worth keeping. ``used``: what the service counted in the last minute."""
        if not math.isfinite(self.value):
            return LearnedLimit()
        if self._searching:
            return LearnedLimit(int(min(self.value, max(self._passed, used))))
        return LearnedLimit(int(self.value), met=True)

    @property
    def searching(self) -> bool:
        """Whether no limit has been met yet."""
        return self._searching

    @property
    def lowered(self) -> bool:
        """Whether it is below what was given."""
        return 0 < self.value < self._ceiling

    def is_due(self, now: float) -> bool:
        """Whether the pace may go up, if it is what holds us back."""
        return now >= self._due and (not self._ceiling or self.value < self._ceiling)

    def go_up(self, now: float, *, used: float) -> None:
        """A step, or a doubling. ``used``: what the service counted in the last minute."""
        self._changed_at = now
        self._passed = max(self._passed, used)
        if self._searching:
            self.value *= 2
            self._due = now + DOUBLE_EVERY
            return
        self._probed_from = self._probed_from or self.value
        if used > RISEN * self._probed_from:
            # More was let through than was found: the limit is another one now.
            self._step = min(LARGEST_STEP, self._step * 2)
        self.value *= 1 + self._step
        if self._ceiling:
            self.value = min(self.value, self._ceiling)
        self._due = now + STEP_EVERY

    def put_off(self, now: float) -> None:
        """Due, but the pace is not what holds us back."""
        self._due = now + STEP_EVERY

    def refuse(
        self, now: float, *, sent_at: float, used: float, told: float, share: float = 1.0
    ) -> bool:
        """Take in that the service refused a call.

        Args:
            sent_at: when the call was sent.
            used: what the service had counted of us in the minute before.
            told: the limit the service named; 0 for none.
            share: of the calls of that minute, those it refused, this one among them.

        Returns:
            Whether we exceeded a limit that we knew, although we kept to it.
        """
        if not told and not math.isfinite(self.value):
            # No limit was said to be: one refusal without a figure does not make one.
            return False
        too_soon = sent_at <= self._changed_at or now - self._refused_at < DEAF
        if too_soon and (not told or told >= self.value):
            # Sent before the last lesson could show, it teaches nothing beyond it.
            return False
        if told and used >= ALONE * told:
            self._in_vain = 0
            known = abs(told - self.value) <= 0.01 * told and not self._searching
            self._settle(told, now)
            return known
        # A refusal that names a limit is about one, however few there are.
        few = share <= FEW and not self._searching and not told
        if not few:
            self._in_vain = 0
        elif self._in_vain >= IN_VAIN:
            return False
        elif not self._probed_from:
            # Not gone up since the last lesson: had that been the limit, nothing was refused.
            self._in_vain += 1
        keep = BACK_OFF if few or now - self._refused_at > HOLD else BACK_OFF_AGAIN
        value = keep * min(self.value, used)
        # What was used tells the limit only once we have been at it for a whole minute.
        if not self._searching or now - self._began < WINDOW:
            worst = keep if few and now - self._began < WINDOW else WORST
            value = max(value, worst * self.value)
        self._settle(min(value, told) if told else value, now)
        return False

    def _settle(self, value: float, now: float) -> None:
        in_vain = self._probed_from and abs(value - self._probed_from) <= 0.1 * self._probed_from
        self._hold = min(LONGEST_HOLD, self._hold * HOLD_GROWS) if in_vain else HOLD
        self.value = max(1.0, min(value, self._ceiling) if self._ceiling else value)
        self._searching = False
        self._step = FIRST_STEP
        self._probed_from = 0.0
        self._changed_at = self._refused_at = now
        self._due = now + self._hold
