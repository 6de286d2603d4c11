"""The pipeline as a whole: its streams, its stages, and how it ends.

Every arrow is a bounded stream and every stage a coroutine; memory is bounded by the streams.
A stage that fails, like a signal, stops the intake: calls in flight are awaited, what arrived
is paid and written, and only then the failure is raised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from waypoint.embedding.batching import Batch, BatchBuilder
from waypoint.events import Draining, EventBus
from waypoint.pipeline.intake import Intake
from waypoint.pipeline.lookup import Group, Lookup
from waypoint.pipeline.messages import Candidate, FoundFile, ReadDocument, WriteOrder
from waypoint.pipeline.paying import Payer, fill_batches
from waypoint.pipeline.writing import Writer
from waypoint.stopping import Stop, StopRequested

FOUND_BUFFER = 4
DOCUMENT_BUFFER = 2
GROUP_BUFFER = 4
TO_PAY_BUFFER = 2
ORDER_BUFFER = 16
"""Lengths of the streams, in messages; each message is bounded by its stage."""

Stage = Callable[[], Awaitable[None]]
Closable = MemoryObjectSendStream[Any] | MemoryObjectReceiveStream[Any]


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts a pipeline is made of."""

    intake: Intake
    lookup: Lookup
    builder: BatchBuilder[Candidate]
    payer: Payer
    writer: Writer


class Pipeline:
    """Runs the stages once.

    Args:
        drain_grace: seconds that what is in flight may take after a stop is requested.
    """

    def __init__(
        self,
        stages: Stages,
        stop: Stop,
        events: EventBus,
        *,
        concurrency: int,
        drain_grace: float,
    ) -> None:
        self._stages = stages
        self._stop = stop
        self._events = events
        self._concurrency = concurrency
        self._drain_grace = drain_grace
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Run until everything is stored or, after a stop, until what was in flight is.

        Raises:
            Exception: the first failure of a stage, once everything has drained.
        """
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as watch:
                watch.start_soon(self._limit_drain, scope)
                async with anyio.create_task_group() as group:
                    self._start(group)
                watch.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure

    def _start(self, group: TaskGroup) -> None:
        found_in, found_out = anyio.create_memory_object_stream[list[FoundFile]](FOUND_BUFFER)
        read_in, read_out = anyio.create_memory_object_stream[list[ReadDocument]](DOCUMENT_BUFFER)
        group_in, group_out = anyio.create_memory_object_stream[Group](GROUP_BUFFER)
        pay_in, pay_out = anyio.create_memory_object_stream[list[Candidate]](TO_PAY_BUFFER)
        # A batch is handed straight to an idle worker, so that none is built before its time.
        batch_in, batch_out = anyio.create_memory_object_stream[Batch[Candidate]](0)
        order_in, order_out = anyio.create_memory_object_stream[WriteOrder](ORDER_BUFFER)
        stages = self._stages

        def start(name: str, stage: Stage, *ends: Closable, is_intake: bool = False) -> None:
            group.start_soon(self._supervise, stage, ends, is_intake, name=name)

        intake = partial(start, is_intake=True)
        walk = stages.intake
        intake("discover", partial(walk.discover, found_in), found_in)
        intake("read", partial(walk.read, found_out, read_in), found_out, read_in)
        intake("chunk", partial(walk.chunk, read_out, group_in), read_out, group_in)
        lookup_ends = group_out, pay_in, order_in
        intake("lookup", partial(stages.lookup.run, *lookup_ends), *lookup_ends)
        fill = partial(fill_batches, pay_out, batch_in, stages.builder)
        intake("batch", fill, pay_out, batch_in)
        for number in range(self._concurrency):
            ends = batch_out.clone(), order_in.clone()
            start(f"embed-{number}", partial(stages.payer.work, *ends), *ends)
        # An original that outlives its clones would keep the batcher waiting for a worker.
        batch_out.close()
        start("write", partial(stages.writer.run, order_out), order_out)

    async def _supervise(self, stage: Stage, ends: Sequence[Closable], is_intake: bool) -> None:
        """Run a stage and close its ends of the streams, which is how its neighbours learn.

        Its first failure stops the intake, instead of cancelling calls that are paid for.
        """
        try:
            if is_intake:
                with self._stop.interruptible():
                    await stage()
            else:
                await stage()
        except StopRequested:
            return
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            # The next stage has ended before us: its own failure says why.
            if self._failure is None and not self._stop.requested:
                self._fail(error)
        except Exception as error:
            self._fail(error)
        finally:
            for end in ends:
                end.close()

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error
        self._stop.request(str(error) or type(error).__name__)

    async def _limit_drain(self, scope: anyio.CancelScope) -> None:
        await self._stop.wait()
        self._events.emit(Draining(self._stop.reason))
        await anyio.sleep(self._drain_grace)
        scope.cancel()
