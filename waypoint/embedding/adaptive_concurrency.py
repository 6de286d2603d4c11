"""How many calls may be in flight: a fixed number, or as many as improve throughput.

More calls in flight are of use only while every one of them is with the service and further
texts wait. Then one more is tried after each round of calls (additive increase). If the service
is overloaded (503, 504, no answer in time) or answers more slowly than it did, calls queue up
there: then a part of them is taken away at once (multiplicative decrease), once for all calls
that were on their way. When the service is well again, each round makes up for a third of what
was taken away. Where the quota or the store binds, a slot's holder waits for it instead of being
in a call, and nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from statistics import median

import anyio

from waypoint.observe.events import ConcurrencyChanged, EventBus

AUTO_START = 4

SLOWER = 1.5
"""Times the usual latency, from which on calls are taken to queue up at the service."""
_NOISE = 0.05
"""Seconds that a call may take longer without meaning anything."""
_BUSY = 0.8
"""Share of the slots' time spent in calls, from which on more slots are of use."""
_AFTER_OVERLOAD = 0.7
_AFTER_SLOWNESS = 0.85
_MADE_UP = 3
"""A part of so many of what was taken away is made up for in each round: of 64 calls taken down to
one, all are back after ten."""

_MAX_FRUITLESS = 4
"""Times that this may fail; then the service bears less than it did before."""

_sent: ContextVar[int] = ContextVar("sent")
"""How many decreases there had been when this task's last call was sent."""


class AdaptiveConcurrency:
    """Slots for calls; a worker holds one from taking a batch until its vectors are passed on.

    Args:
        most: workers there are; the number of slots that is fixed, or never exceeded.
        adaptive: begin with a few slots, and find how many improve throughput.
    """

    def __init__(
        self,
        most: int,
        events: EventBus,
        *,
        adaptive: bool = False,
    ) -> None:
        self.most = most
        self._events = events
        self._adaptive = adaptive
        self._limiter = anyio.CapacityLimiter(min(AUTO_START, most) if adaptive else most)
        self._calling = 0
        self._call_seconds = 0.0
        self._counted_at = self._round_began = anyio.current_time()
        self._usual: dict[int, float] = {}
        self._round: list[tuple[int, float]] = []
        self._decreases = 0
        self._former = 0
        """The number before the trouble that there is, or was last."""
        self._grew = True
        """Since the last decrease."""
        self._fruitless = 0
        """How often it was on its way to the former number, and was taken down again."""
        self._holders: set[int] = set()

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return int(self._limiter.total_tokens)

    async def take(self) -> None:
        """Wait for a slot; the task holds it until it gives it back."""
        await self._limiter.acquire()
        self._holders.add(anyio.get_current_task().id)

    def give_back(self) -> None:
        """Let the next one have the slot; nothing if the task holds none."""
        task = anyio.get_current_task().id
        if task in self._holders:
            self._holders.remove(task)
            self._limiter.release()

    def rest(self) -> bool:
        """The task is to wait before it calls again: others may have its slot until then.

        Were it kept, calls that failed together would come back together, however few there may
        be by then. Returns whether one was given back, which is then to be taken again; with a
        fixed number it is kept.
        """
        rests = self._adaptive and anyio.get_current_task().id in self._holders
        if rests:
            self.give_back()
        return rests

    @contextmanager
    def call(self) -> Iterator[None]:
        """The holder of a slot is in a call."""
        _sent.set(self._decreases)
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        now = anyio.current_time()
        self._call_seconds += self._calling * (now - self._counted_at)
        self._counted_at = now
        self._calling += change

    def answered(self, texts: int, seconds: float) -> None:
        """A call came back well."""
        if self._adaptive and self._is_of_now():
            # Calls of another size take another time: each is compared with its like.
            self._round.append((texts.bit_length(), seconds))
            if len(self._round) >= self.limit:
                self._end_round(overloaded=False)

    def overloaded(self) -> None:
        """The service said that it is overloaded, or did not answer in time."""
        if self._adaptive and self._is_of_now():
            self._end_round(overloaded=True)

    def _is_of_now(self) -> bool:
        """Whether the task's call was sent since the last decrease: else it says nothing of it."""
        return _sent.get(self._decreases) == self._decreases

    def _end_round(self, *, overloaded: bool) -> None:
        self._count(0)
        duration = self._counted_at - self._round_began
        busy = self._call_seconds / (self.limit * duration) if duration else 0.0
        slowness = self._slowness()
        self._round, self._call_seconds, self._round_began = [], 0.0, self._counted_at
        if overloaded:
            self._change(max(1, int(self.limit * _AFTER_OVERLOAD)), "the service is overloaded")
        elif slowness > SLOWER:
            self._change(max(1, int(self.limit * _AFTER_SLOWNESS)), "answers take longer")
        elif busy >= _BUSY:
            made_up = -(-(self._former - self.limit) // _MADE_UP)
            self._change(min(self.most, self.limit + max(1, made_up)), "more calls are of use")

    def _slowness(self) -> float:
        """The round's latency, in times of the usual one: the least that was seen."""
        ratios = []
        for size, seconds in self._round:
            usual = self._usual[size] = min(self._usual.get(size, seconds), seconds)
            ratios.append(max(0.0, seconds - _NOISE) / usual if usual else 1.0)
        slowness = median(ratios) if ratios else 1.0
        if slowness > SLOWER and self.limit <= AUTO_START:
            # So few calls don't queue up: the service has become another one.
            for size in self._usual:
                self._usual[size] *= slowness
            return 1.0
        return slowness

    def _change(self, limit: int, why: str) -> None:
        if limit < self.limit:
            self._decreases += 1
            self._note_former()
        elif limit > self.limit:
            self._grew = True
            if limit >= self._former:
                self._fruitless = 0
        if limit != self.limit:
            self._limiter.total_tokens = limit
            self._events.emit(ConcurrencyChanged(limit, why))

    def _note_former(self) -> None:
        """At a decrease: what is to be made up for when the trouble is over.

        A trouble of several round trips is one. One that comes back before all was made up for
        may be the end of what the service bears, or chance: so it is believed after a few times.
        """
        if not self._grew:
            return
        self._grew = False
        if self.limit < self._former:
            self._fruitless += 1
        if self.limit >= self._former or self._fruitless > _MAX_FRUITLESS:
            self._former = self.limit
