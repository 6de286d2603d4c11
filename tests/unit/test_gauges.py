"""Gauges: where the time of a pipeline goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from tests.support.virtual_time import run_virtual
from waypoint.observe.gauges import Gauges, PipelineSnapshot, StageSnapshot, doing
from waypoint.observe.gauges.metered import MeteredStream


def measured(main: Callable[[Gauges], Coroutine[Any, Any, PipelineSnapshot]]) -> PipelineSnapshot:
    """Run in virtual time with gauges that go by it."""

    async def run() -> PipelineSnapshot:
        return await main(Gauges(asyncio.get_running_loop().time))

    return run_virtual(run)


def times(snapshot: PipelineSnapshot, name: str) -> list[float]:
    """Busy, waiting for input, waiting for room; the virtual clock ticks a little of itself."""
    stage = snapshot.stage(name)
    assert stage is not None
    spent = (stage.busy, stage.waiting_for_input, stage.waiting_for_room)
    return [round(seconds, 3) for seconds in spent]


async def fast_producer_slow_consumer(gauges: Gauges) -> PipelineSnapshot:
    """Ten messages of 3 items: made in 1 s each, used in 2 s each, room for two between."""
    stream = MeteredStream[list[int]](gauges, "between", 2, len)
    sender, receiver = stream.sender("make"), stream.receiver("use")
    stream.close()

    async def make() -> None:
        async with sender:
            with gauges.stage("make").running():
                for _ in range(10):
                    await anyio.sleep(1)
                    await sender.send([1, 2, 3])

    async def use() -> None:
        async with receiver:
            with gauges.stage("use").running():
                async for _ in receiver:
                    with doing("store"):
                        await anyio.sleep(2)

    async with anyio.create_task_group() as group:
        group.start_soon(make)
        group.start_soon(use)
    return gauges.snapshot()


def test_time_is_told_by_what_a_stage_waits_for() -> None:
    """A slow consumer is busy, and who is before it waits for room."""
    snapshot = measured(fast_producer_slow_consumer)
    # The consumer begins after 1 s and takes 20: the producer's last message fits into the
    # stream once the eighth is taken out, at 1 + 2 * 7 s.
    assert times(snapshot, "make") == [10, 0, 5]
    assert times(snapshot, "use") == [20, 1, 0]
    use = snapshot.stage("use")
    assert use is not None
    assert use.doing == pytest.approx({"store": 20}, abs=1e-3)
    assert (use.items_in, use.items_out, use.workers) == (30, 0, 0)
    (stream,) = snapshot.streams
    assert (stream.name, stream.messages, stream.items) == ("between", 10, 30)
    assert (stream.depth, stream.capacity) == (0, 2)


def test_a_wait_counts_while_it_lasts() -> None:
    """A snapshot in the middle of a wait shows it, and how full the streams are."""

    async def main(gauges: Gauges) -> PipelineSnapshot:
        stream = MeteredStream[list[int]](gauges, "s", 1, len)
        sender = stream.sender("make")

        async def make() -> None:
            with gauges.stage("make").running():
                for _ in range(3):
                    await sender.send([1])

        async with anyio.create_task_group() as group:
            group.start_soon(make)
            await anyio.sleep(7)
            snapshot = gauges.snapshot()
            group.cancel_scope.cancel()
        stream.close()
        sender.close()
        return snapshot

    snapshot = measured(main)
    assert times(snapshot, "make") == [0, 0, 7]
    assert (snapshot.streams[0].depth, snapshot.streams[0].capacity) == (1, 1)


def test_workers_of_a_stage_are_added_up() -> None:
    """Three workers that work for 4 s each are 12 s, and each knows whose work it is."""

    async def main(gauges: Gauges) -> PipelineSnapshot:
        async def work() -> None:
            with gauges.stage("embed").running(), doing("call"):
                await anyio.sleep(4)

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(work)
            await anyio.sleep(1)
            stage = gauges.snapshot().stage("embed")
            assert stage is not None
            assert stage.workers == 3
        with doing("call"):
            await anyio.sleep(100)  # of no stage
        return gauges.snapshot()

    snapshot = measured(main)
    assert times(snapshot, "embed") == [12, 0, 0]
    stage = snapshot.stage("embed")
    assert isinstance(stage, StageSnapshot)
    assert stage.doing == pytest.approx({"call": 12}, abs=1e-3)


def test_a_second_attempt_goes_on_counting() -> None:
    """After a repair the streams are new ones, but the run is the same."""

    async def main(gauges: Gauges) -> PipelineSnapshot:
        for _ in range(2):
            await fast_producer_slow_consumer(gauges)
        return gauges.snapshot()

    snapshot = measured(main)
    assert times(snapshot, "use") == [40, 2, 0]
    assert snapshot.streams[0].items == 60
