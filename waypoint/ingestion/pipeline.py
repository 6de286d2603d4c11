"""The pipeline as a whole: its streams, its stages, and how it ends.

Every arrow is a bounded stream and every stage a coroutine; memory is bounded by the streams.
A stage that fails, like a signal, stops the intake: calls in flight are awaited, what arrived
is committed and written, and only then the failure is raised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup

from waypoint.embedding.batching import Batch, BatchBuilder
from waypoint.errors import described
from waypoint.ingestion.chunk import ChunkStage
from waypoint.ingestion.dedupe import DedupeStage, Group
from waypoint.ingestion.discover import DiscoverStage
from waypoint.ingestion.embed import EmbedStage, fill_batches
from waypoint.ingestion.messages import Candidate, ReadDocument, WriteOrder
from waypoint.ingestion.read import ReadStage
from waypoint.ingestion.write import Writer
from waypoint.models import SourceFile
from waypoint.observe.events import Draining, EventBus
from waypoint.observe.gauges import Gauges
from waypoint.observe.gauges.metered import MeteredReceive, MeteredSend, MeteredStream
from waypoint.stopping import Stop, StopRequested

FOUND_BUFFER = 4
DOCUMENT_BUFFER = 2
GROUP_BUFFER = 4
TO_EMBED_BUFFER = 2
ORDER_BUFFER = 16
"""Lengths of the streams, in messages; each message is bounded by its stage."""

INTAKE = ("discover", "read", "chunk", "deduplicate", "batch")
"""The stages that a stop ends at once."""

STAGES = (*INTAKE, "embed", "write")
"""In the order of the data's way."""

Stage = Callable[[], Awaitable[None]]
End = MeteredSend[Any] | MeteredReceive[Any]


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts a pipeline is made of."""

    discover: DiscoverStage
    read: ReadStage
    chunk: ChunkStage
    dedupe: DedupeStage
    batch: BatchBuilder[Candidate]
    embed: EmbedStage
    write: Writer


class Pipeline:
    """Runs the stages once.

    Args:
        readers: files that are read at once.
        shutdown_timeout: seconds that what is in flight may take after a stop is requested.
        gauges: told where the time goes.
    """

    def __init__(
        self,
        stages: Stages,
        stop: Stop,
        events: EventBus,
        *,
        concurrency: int,
        readers: int,
        shutdown_timeout: float,
        gauges: Gauges,
    ) -> None:
        self._stages = stages
        self._stop = stop
        self._events = events
        self._concurrency = concurrency
        self._readers = readers
        self._shutdown_timeout = shutdown_timeout
        self._gauges = gauges
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
        gauges = self._gauges
        for name in STAGES:
            gauges.stage(name)
        found = MeteredStream[list[SourceFile]](gauges, "found", FOUND_BUFFER, len)
        read = MeteredStream[list[ReadDocument]](gauges, "read", DOCUMENT_BUFFER, len)
        groups = MeteredStream[Group](gauges, "groups", GROUP_BUFFER, _chunks)
        to_embed = MeteredStream[list[Candidate]](gauges, "to_embed", TO_EMBED_BUFFER, len)
        # A batch is handed straight to an idle worker, so that none is built before its time.
        batches = MeteredStream[Batch[Candidate]](gauges, "batches", 0, lambda b: len(b.items))
        orders = MeteredStream[WriteOrder](gauges, "orders", ORDER_BUFFER, lambda o: o.rows)
        stages = self._stages

        def start(name: str, stage: Callable[..., Awaitable[None]], *ends: End) -> None:
            group.start_soon(self._supervise, name, partial(stage, *ends), ends, name=name)

        start("discover", stages.discover.run, found.sender("discover"))
        for _ in range(self._readers):
            start("read", stages.read.work, found.receiver("read"), read.sender("read"))
        start("chunk", stages.chunk.run, read.receiver("chunk"), groups.sender("chunk"))
        lookup_ends = (
            groups.receiver("deduplicate"),
            to_embed.sender("deduplicate"),
            orders.sender("deduplicate"),
        )
        start("deduplicate", stages.dedupe.run, *lookup_ends)
        fill = partial(fill_batches, builder=stages.batch)
        start("batch", fill, to_embed.receiver("batch"), batches.sender("batch"))
        for _ in range(self._concurrency):
            start("embed", stages.embed.work, batches.receiver("embed"), orders.sender("embed"))
        start("write", stages.write.run, orders.receiver("write"))
        for stream in (found, read, groups, to_embed, batches, orders):
            # An original that outlives its ends would keep the stage beside it waiting.
            stream.close()

    async def _supervise(self, name: str, stage: Stage, ends: Sequence[End]) -> None:
        """Run a stage and close its ends of the streams, which is how its neighbours learn.

        Its first failure stops the intake, instead of cancelling calls that are billed.
        """
        try:
            with ExitStack() as stack:
                stack.enter_context(self._gauges.stage(name).running())
                if name in INTAKE:
                    stack.enter_context(self._stop.interruptible())
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
        self._stop.request(described(error))

    async def _limit_drain(self, scope: anyio.CancelScope) -> None:
        await self._stop.wait()
        self._events.emit(Draining(self._stop.reason))
        await anyio.sleep(self._shutdown_timeout)
        scope.cancel()


def _chunks(group: Group) -> int:
    return sum(len(candidates) for _, candidates in group)
