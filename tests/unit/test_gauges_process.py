"""The event loop's delay, and what the process uses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import anyio
import psutil
import pytest

from tests.support.virtual_time import run_virtual
from waypoint.observe.gauges.histogram import Histogram
from waypoint.observe.gauges.loop_delay import EVERY, LoopDelayMeter
from waypoint.observe.gauges.process import process_use


def test_a_blocked_loop_is_noticed() -> None:
    """A sleep that takes 0.3 s longer than asked for is a delay of 0.3 s."""

    async def main() -> Histogram:
        loop = asyncio.get_running_loop()
        late = 0.0

        async def sleep(seconds: float) -> None:
            await anyio.sleep(seconds + late)

        meter = LoopDelayMeter(loop.time, sleep)
        async with anyio.create_task_group() as group:
            group.start_soon(meter.run)
            await anyio.sleep(97 * EVERY + EVERY / 2)
            late = 0.3
            await anyio.sleep(3 * (EVERY + 0.3))
            group.cancel_scope.cancel()
        return meter.delays

    delay = run_virtual(main)
    assert delay.count == pytest.approx(100, abs=1)
    assert delay.quantile(0.5) < 0.001
    assert delay.quantile(0.99) == pytest.approx(0.3, rel=0.1)
    assert delay.worst == pytest.approx(0.3, abs=1e-3)


def test_quantiles_are_exact_to_a_tenth() -> None:
    """Whatever the delays are; none exceeds the worst."""
    meter = LoopDelayMeter()
    for millisecond in range(1, 1001):
        meter.note(millisecond / 1000)
    delay = meter.delays
    for share in (0.01, 0.5, 0.95, 0.99):
        assert share <= delay.quantile(share) <= share * 1.1 + 1e-9
    assert delay.quantile(1.0) == delay.worst == 1.0


def test_odd_delays_do_no_harm() -> None:
    """None at all, below zero, and beyond all classes."""
    meter = LoopDelayMeter()
    assert meter.delays.quantile(0.99) == 0.0
    meter.note(-0.001)
    assert (meter.delays.worst, meter.delays.quantile(0.99)) == (0.0, 0.0)
    meter.note(1e6)
    assert meter.delays.quantile(0.99) == 1e6


def test_what_the_process_uses_is_what_the_system_says() -> None:
    """Memory as psutil reads it, and CPU time that grows with work."""
    before = process_use()
    told = psutil.Process().memory_info().rss
    assert before.memory is None or before.memory == pytest.approx(told, rel=0.05)
    assert before.peak_memory >= told * 0.95
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    assert process_use().cpu_seconds - before.cpu_seconds >= 0.04


def test_the_peak_is_not_that_of_who_started_the_process() -> None:
    """However large that one is."""
    large = b"x" * (200 * 1024 * 1024)
    code = "from waypoint.observe.gauges import process; print(process.process_use().peak_memory)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert 0 < int(told.stdout) < len(large) / 2
