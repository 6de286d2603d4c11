"""Texts embedded over the whole run, in a bounded number of points."""

from __future__ import annotations

from dataclasses import dataclass

MOST_POINTS = 240
"""When there are more, neighbours are joined and each point stands for twice the time: a run of
hours is drawn whole, in memory that doesn't grow."""


@dataclass(frozen=True, slots=True)
class Point:
    """``step`` seconds of the run."""

    texts: float
    """Embedded in it."""
    limit: float | None
    """Texts a second that the quota allowed; None for no limit."""


class History:
    """Points of equal length from the run's beginning; all but the last are complete."""

    def __init__(self, step: float = 1.0) -> None:
        self.step = step
        self._points: list[Point] = []
        self._seen = 0

    def add(self, seconds: float, texts_embedded: int, limit: float | None) -> None:
        """Note the texts embedded in all, so many seconds into the run."""
        index = int(seconds / self.step)
        texts, self._seen = texts_embedded - self._seen, texts_embedded
        if len(self._points) > index:
            last = self._points[-1]
            self._points[-1] = Point(last.texts + texts, limit)
        else:
            # Where nobody looked for a while, what came in between is spread over that time.
            missing = index + 1 - len(self._points)
            self._points.extend(Point(texts / missing, limit) for _ in range(missing))
        while len(self._points) > MOST_POINTS:
            self._join()

    def since(self, index: int) -> list[Point]:
        """The complete points from that one on."""
        return self._points[max(0, index) : -1]

    @property
    def complete(self) -> int:
        """How many points will not change any more, until they are joined."""
        return max(0, len(self._points) - 1)

    def _join(self) -> None:
        self.step *= 2
        self._points = [
            Point(sum(point.texts for point in pair), pair[-1].limit)
            for pair in (self._points[i : i + 2] for i in range(0, len(self._points), 2))
        ]
