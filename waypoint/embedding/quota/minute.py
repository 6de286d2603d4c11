"""The limits of a minute, each with its pace and with what is known of where it lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

from waypoint.embedding.quota.finding import LimitFinder
from waypoint.embedding.quota.limits import QuotaLimits
from waypoint.embedding.quota.pace import WINDOW, Pace
from waypoint.models import LearnedLimit, LearnedQuota

Name: TypeAlias = Literal["rpm", "tpm"]
NAMES: tuple[Name, ...] = ("rpm", "tpm")

BINDING = 0.8
"""Share of a limit in use from which on it is taken to be what holds us back."""

_LOOK_BACK = 15.0
"""Seconds over which that share is taken."""


class MinuteLimits:
    """Texts and tokens a minute. Times are seconds of one monotonic clock.

    Args:
        to_find: those that nobody told.
        learned: what an earlier run found of these.
        margin: seconds that the pace keeps clear.
    """

    def __init__(
        self,
        limits: QuotaLimits,
        *,
        to_find: frozenset[str],
        learned: LearnedQuota | None,
        margin: float,
        now: float,
    ) -> None:
        self._to_find = [name for name in NAMES if name in to_find]
        told: Mapping[Name, int] = {"rpm": limits.rpm, "tpm": limits.tpm}
        known: Mapping[Name, LearnedLimit] = (
            {"rpm": learned.rpm, "tpm": learned.tpm} if learned else {}
        )
        self._known = known
        self.paces: dict[Name, Pace] = {}
        self.finders: dict[Name, LimitFinder] = {}
        for name in NAMES:
            start = float(told[name]) or math.inf
            if name in to_find:
                before = known.get(name, LearnedLimit())
                start = float(before.value) if before.met else max(start, float(before.value))
                passed = float(before.value)
                finder = LimitFinder(start, ceiling=0, found=before.met, now=now, passed=passed)
            else:
                finder = LimitFinder(start, ceiling=start, found=True, now=now)
            self.finders[name] = finder
            self.paces[name] = Pace(finder.value, margin=margin, now=now)

    def limit(self, name: Name) -> int:
        """A limit as it is known now; 0 for none."""
        limit = self.paces[name].limit
        return int(limit) if math.isfinite(limit) else 0

    def learned(self, now: float) -> dict[Name, LearnedLimit]:
        """What is worth keeping for the next run; of what was given, what was known before."""
        return {
            name: self.finders[name].learned(used=self.paces[name].used(now))
            if name in self._to_find
            else self._known.get(name, LearnedLimit())
            for name in NAMES
        }

    def keep_clear(self, margin: float) -> None:
        """Seconds by which arrivals may vary."""
        for pace in self.paces.values():
            pace.keep_clear(margin)

    def fullest(self, now: float) -> Name:
        """The limit that a refusal which names none is most likely about."""

        def share(name: Name) -> float:
            pace = self.paces[name]
            return pace.used(now) / pace.limit if math.isfinite(pace.limit) else 0.0

        return max(NAMES, key=share)

    def refuse(self, name: Name, now: float, *, sent_at: float, used: float, told: float) -> bool:
        """Take in a refusal, as ``LimitFinder.refuse`` says, and go on at what it teaches."""
        finder = self.finders[name]
        share = self.paces[name].refused_share(now)
        exceeded = finder.refuse(now, sent_at=sent_at, used=used, told=told, share=share)
        self.paces[name].change(finder.value, now)
        return exceeded

    def go_up_if_due(self, now: float) -> None:
        """Try a little more of what holds us back, if nothing spoke against it for a while."""
        due = [
            name
            for name in NAMES
            if (name in self._to_find or self.finders[name].lowered)
            and math.isfinite(self.paces[name].limit)
            and self.finders[name].is_due(now)
        ]
        binding = {name for name in due if self._binds(name, now)}
        searching = {name for name in due if self.finders[name].searching}
        if binding & searching:
            # Together: else one would hold back the other, and each would be found in turn.
            binding |= searching
        for name in due:
            finder, pace = self.finders[name], self.paces[name]
            if name in binding:
                finder.go_up(now, used=pace.used(now))
                pace.change(finder.value, now)
            else:
                finder.put_off(now)

    def _binds(self, name: Name, now: float) -> bool:
        pace = self.paces[name]
        return pace.sent_since(now - _LOOK_BACK) >= BINDING * pace.limit * _LOOK_BACK / WINDOW
