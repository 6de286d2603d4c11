"""Tokens as the service counts them, for one that we estimate."""

from __future__ import annotations

import math

_ENOUGH = 1_000
"""Tokens, counted by the service, from which on its count is believed."""
_MEMORY = 200_000
"""Tokens after which an older count weighs half: documents differ."""
_LEAST, _MOST = 0.25, 4.0
_SAFETY = 1.02
"""What is sent next may be a little denser than what was counted."""


class TokenFactor:
    """Corrects estimates by what the service says. ``value`` starts at what was estimated."""

    def __init__(self, value: float) -> None:
        self.value = min(_MOST, max(_LEAST, value))
        self.measured = value != 1.0
        self.last_correction = 1.0
        self._estimated = self._counted = 0.0

    def apply(self, estimated: int) -> int:
        return max(1, math.ceil(estimated * self.value))

    def observe(self, estimated: int, counted: int) -> None:
        """A call's tokens: as we estimated them, and as the service counted them."""
        if self._counted > _MEMORY:
            self._estimated /= 2
            self._counted /= 2
        self._estimated += estimated
        self._counted += counted
        if self._counted >= _ENOUGH and self._estimated:
            self.measured = True
            self.value = min(_MOST, max(_LEAST, self._counted / self._estimated * _SAFETY))

    def correct(self, limit: float, used: float) -> bool:
        """The service refused for its limit of tokens, where we had counted only ``used``.

        Not so where the service tells its counts: then the estimate is right, and somebody else
        uses the quota as well. Returns whether the factor was raised.
        """
        if self._counted >= _ENOUGH or used <= 0 or self.value >= _MOST:
            return False
        before = self.value
        # At most double: part of the difference may be somebody else's use.
        self.value = min(_MOST, self.value * min(2.0, limit / used))
        self.last_correction = self.value / before
        self.measured = True
        return True
