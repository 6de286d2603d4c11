"""What was let through when, and the most of it within any minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that the quota let through."""

    at: float
    """Seconds of the loop's clock."""
    texts: int
    tokens: int


def windows(amounts: Iterable[tuple[float, int]], span: float) -> Iterable[Sequence[int]]:
    """For each amount, all that fell into the ``span`` seconds that end with it."""
    recent: deque[tuple[float, int]] = deque()
    for at, amount in amounts:
        recent.append((at, amount))
        while recent[0][0] <= at - span:
            recent.popleft()
        yield [each for _, each in recent]


def peak(amounts: Iterable[tuple[float, int]], span: float) -> int:
    """The most within any ``span`` seconds: exact, since every peak ends with an amount."""
    recent: deque[tuple[float, int]] = deque()
    total = most = 0
    for at, amount in amounts:
        recent.append((at, amount))
        total += amount
        while recent[0][0] <= at - span:
            total -= recent.popleft()[1]
        most = max(most, total)
    return most
