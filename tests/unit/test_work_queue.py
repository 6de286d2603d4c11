"""What workers take next: parts that are due, then new batches, until nobody can add a part."""

from __future__ import annotations

import anyio
import pytest

from tests.support.virtual_time import run_virtual
from waypoint.embedding.adaptive_concurrency import AdaptiveConcurrency
from waypoint.embedding.batching import Batch
from waypoint.ingestion.messages import Candidate
from waypoint.ingestion.work_queue import MAX_PARTS, Part, WorkQueue
from waypoint.observe.events import EventBus
from waypoint.stopping import Stop, StopRequested


def batch(number: int) -> Batch[Candidate]:
    """An empty batch, told from others by its tokens."""
    return Batch((), number)


def test_parts_are_taken_side_by_side_and_before_new_batches() -> None:
    """Three texts that fail wait out one pause together, and not three one after the other."""

    async def run() -> list[tuple[float, int]]:
        queue = WorkQueue(AdaptiveConcurrency(2, EventBus()), Stop())
        taken: list[tuple[float, int]] = []
        send, receive = anyio.create_memory_object_stream[Batch[Candidate]](10)
        began = anyio.current_time()

        async def work() -> None:
            while True:
                try:
                    part = await queue.take(receive)
                except anyio.EndOfStream:
                    return
                taken.append((round(anyio.current_time() - began), part.batch.tokens))
                if part.batch.tokens < 3 and not part.rounds:
                    queue.put(Part(part.batch, suspect=True, rounds=1), 20)
                await anyio.sleep(1)
                queue.done()

        for number in range(5):
            send.send_nowait(batch(number))
        send.close()
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            group.start_soon(work)
        receive.close()
        return sorted(taken)

    assert run_virtual(run) == [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (20, 0), (20, 1), (21, 2)]


def test_a_worker_waits_while_another_may_put_parts_back() -> None:
    """The stream's end is not the end; a slot that is needed for a part is not kept by waiting."""

    async def run() -> list[int]:
        slots = AdaptiveConcurrency(1, EventBus(), adaptive=True)
        queue, taken = WorkQueue(slots, Stop()), list[int]()
        send, receive = anyio.create_memory_object_stream[Batch[Candidate]](1)
        send.send_nowait(batch(7))
        send.close()

        async def work() -> None:
            while True:
                await slots.take()
                try:
                    part = await queue.take(receive)
                    taken.append(part.batch.tokens)
                    if not part.suspect:
                        slots.rest()
                        await anyio.sleep(5)
                        await slots.take()
                        queue.put(Part(part.batch, suspect=True))
                    queue.done()
                except anyio.EndOfStream:
                    return
                finally:
                    slots.give_back()

        async with anyio.create_task_group() as group:
            group.start_soon(work)
            group.start_soon(work)
        receive.close()
        return taken

    assert run_virtual(run) == [7, 7]


def test_no_new_batch_is_taken_while_many_parts_wait() -> None:
    """Where every text fails, what waits is bounded; a stop ends the wait."""

    async def run() -> int:
        stop = Stop()
        queue = WorkQueue(AdaptiveConcurrency(1, EventBus()), stop)
        send, receive = anyio.create_memory_object_stream[Batch[Candidate]](1)
        send.send_nowait(batch(1))
        for _ in range(MAX_PARTS):
            queue.put(Part(batch(2)), 60)

        async def stop_soon() -> None:
            await anyio.sleep(30)
            stop.request("enough")

        async with anyio.create_task_group() as group:
            group.start_soon(stop_soon)
            with pytest.raises(StopRequested):
                await queue.take(receive)
        left = receive.statistics().current_buffer_used
        send.close()
        receive.close()
        return left

    assert run_virtual(run) == 1
