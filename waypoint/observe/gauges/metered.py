"""The ends of a stream, with a gauge on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from waypoint.observe.gauges.stages import Gauges, StageGauge, StreamGauge

T = TypeVar("T")

Count = Callable[[T], int]
"""How many items a message holds."""


class MeteredReceive(ObjectReceiveStream[T]):
    """The receiving end of one worker of a stage."""

    def __init__(
        self,
        stream: MemoryObjectReceiveStream[T],
        stage: StageGauge,
        gauge: StreamGauge,
        count: Count[T],
    ) -> None:
        self._stream = stream
        self._stage = stage
        self._gauge = gauge
        self._count = count

    async def receive(self) -> T:
        with self._stage.waiting_for_input():
            message = await self._stream.receive()
        items = self._count(message)
        self._stage.items_in += items
        self._gauge.messages += 1
        self._gauge.items += items
        return message

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        self.close()


class MeteredSend(ObjectSendStream[T]):
    """The sending end of one worker of a stage."""

    def __init__(
        self, stream: MemoryObjectSendStream[T], stage: StageGauge, count: Count[T]
    ) -> None:
        self._stream = stream
        self._stage = stage
        self._count = count

    async def send(self, item: T) -> None:
        items = self._count(item)
        with self._stage.waiting_for_room():
            await self._stream.send(item)
        self._stage.items_out += items

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        self.close()


class MeteredStream(Generic[T]):
    """A bounded stream whose ends are handed out, one to each worker of the stages beside it.

    The originals are kept here until :meth:`close`: a stream ends when all its senders' ends
    are closed, these included.
    """

    def __init__(self, gauges: Gauges, name: str, capacity: int, count: Count[T]) -> None:
        self._sending, self._receiving = anyio.create_memory_object_stream[T](capacity)
        self._gauges = gauges
        self._gauge = gauges.stream(name)
        self._gauge.watch(capacity, lambda: self._receiving.statistics().current_buffer_used)
        self._count = count

    def sender(self, stage: str) -> MeteredSend[T]:
        """Another end for a worker of the stage to send to."""
        return MeteredSend(self._sending.clone(), self._gauges.stage(stage), self._count)

    def receiver(self, stage: str) -> MeteredReceive[T]:
        """Another end for a worker of the stage to receive from."""
        gauge = self._gauges.stage(stage)
        return MeteredReceive(self._receiving.clone(), gauge, self._gauge, self._count)

    def close(self) -> None:
        """Give up the originals: from now on the stream lives as long as the ends given out."""
        self._sending.close()
        self._receiving.close()
