"""The run's history: whole, however long it takes, in a bounded number of points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.monitor.history import MOST_POINTS, History, Point


def test_a_point_for_each_second() -> None:
    """Texts of several looks within it are added up; the one under way is not told yet."""
    history = History()
    for seconds, texts in ((0.2, 0), (0.9, 30), (1.1, 50), (1.8, 90), (2.5, 90)):
        history.add(seconds, texts, 50.0)
    assert history.since(0) == [Point(30, 50.0), Point(60, 50.0)]
    assert history.since(1) == [Point(60, 50.0)]
    assert history.complete == 2


@given(st.lists(st.tuples(st.floats(0, 90), st.integers(0, 500)), min_size=1, max_size=400))
def test_nothing_is_lost(looks: list[tuple[float, int]]) -> None:
    """Whatever the gaps between two looks: all texts, over all the time, in few points."""
    history = History()
    now = embedded = 0.0
    for gap, texts in looks:
        now += gap
        embedded += texts
        history.add(now, int(embedded), None)
    points = history.since(0)
    assert len(points) <= MOST_POINTS
    assert len(points) == history.complete
    assert history.complete * history.step <= now < (history.complete + 1) * history.step
    history.add(now + 2 * history.step, int(embedded), None)
    history.add(now + 3 * history.step, int(embedded), None)
    assert sum(point.texts for point in history.since(0)) == pytest.approx(embedded)
