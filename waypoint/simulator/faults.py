"""The faults a call can meet, and the draw that decides which one it meets."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Container, Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T", bound=StrEnum)


class Fault(StrEnum):
    """What goes wrong with a call that was in order. Only the first two spare the quota."""

    RATE_LIMITED = "rate_limited"
    """429 with RetryInfo."""
    EXHAUSTED = "exhausted"
    """429 with neither RetryInfo nor QuotaFailure."""
    INTERNAL = "internal"
    """500."""
    UNAVAILABLE = "unavailable"
    """503."""
    DEADLINE = "deadline"
    """504."""
    RESET_BEFORE_ANSWER = "reset_before_answer"
    """TCP reset before the first byte of the answer."""
    RESET_IN_BODY = "reset_in_body"
    """TCP reset after half of the body."""
    TRUNCATED = "truncated"
    """Orderly close after half of the body."""
    HANG = "hang"
    """No answer for as long as the client stays."""
    NOT_JSON = "not_json"
    """200 with an HTML page."""
    EMPTY_OBJECT = "empty_object"
    """200 with ``{}``."""
    TOO_FEW_VECTORS = "too_few_vectors"
    """200 without the last text's vector."""
    WRONG_DIMENSION = "wrong_dimension"
    """200 with vectors one value short."""
    NAN_VALUE = "nan_value"
    """200 with the literal ``NaN`` in the first vector, which strict JSON parsers refuse."""
    NULL_VALUE = "null_value"
    """200 with ``null`` in the first vector."""


class FaultPicker(Generic[T]):
    """Draws at most one fault a call: those of the script first, then by their rates."""

    def __init__(
        self, seed: int, rates: Mapping[T, float], script: Iterable[T | None] = ()
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self.configure(rates, script)

    def configure(self, rates: Mapping[T, float], script: Iterable[T | None]) -> None:
        """Change rates and script, and go on in the same sequence of random numbers."""
        self._rates = dict(rates)
        self._script = deque(script)

    def pick(self, among: Container[T] | None = None) -> T | None:
        """The next call's fault. One number is drawn a call, so that a seed repeats a run.

        ``among``: those that can be met; another that is next in the script stays there.
        """
        drawn = self._random.random()
        if self._script:
            following = self._script[0]
            if among is None or following is None or following in among:
                return self._script.popleft()
            return None
        for fault, rate in self._rates.items():
            if among is not None and fault not in among:
                continue
            if drawn < rate:
                return fault
            drawn -= rate
        return None
