"""How much arrivals are taken to vary, by calls that are like each other."""

from __future__ import annotations

import random

import pytest

from waypoint.embedding.rate_limit.jitter import LEAST, MOST, JitterMeter


def test_what_was_slow_long_ago_is_forgotten() -> None:
    """Also of a size that is rare: a single slow answer must not cost quota for ever."""
    meter = JitterMeter()
    for _ in range(19):
        meter.observe(3, 0.3)
    meter.observe(3, 6.0)
    assert meter.margin == MOST
    for _ in range(500):
        meter.observe(100, 0.3)
    assert meter.margin == LEAST


def test_what_still_varies_is_kept_clear() -> None:
    """Less the hundredth at either end."""
    meter, draw = JitterMeter(), random.Random(1)
    for _ in range(1_000):
        meter.observe(100, draw.uniform(0.3, 2.3))
    assert meter.margin == pytest.approx(2.0, abs=0.1)
