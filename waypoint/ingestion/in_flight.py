"""Texts that are being deduplicated or embedded: each of them once, whoever else has it."""

from __future__ import annotations

import anyio

from waypoint.ingestion.messages import Candidate
from waypoint.models import TextKey

MOST_WAITING = 10_000
"""Duplicates that may wait for requests in flight; more of them are backpressure."""


class InFlight:
    """Of the chunks with a text, the first is in flight, and its duplicates wait for it.

    It is claimed before the ledger is asked and released only after its vector is committed
    there, so that a later chunk meets it in one place or in the other.
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._duplicates: dict[TextKey, list[Candidate]] = {}
        self._most_waiting = most_waiting
        self._waiting = 0
        self._room = anyio.Event()

    def claim(self, candidate: Candidate) -> bool:
        """True for the first with its text; a duplicate waits."""
        duplicates = self._duplicates.get(candidate.key)
        if duplicates is None:
            self._duplicates[candidate.key] = []
            return True
        duplicates.append(candidate)
        self._waiting += 1
        return False

    def release(self, key: TextKey) -> list[Candidate]:
        """The duplicates of a text that is committed, or rejected."""
        duplicates = self._duplicates.pop(key)
        if duplicates:
            self._waiting -= len(duplicates)
            if self._waiting < self._most_waiting:
                self._room.set()
                self._room = anyio.Event()
        return duplicates

    async def room(self) -> None:
        """Wait until there is capacity for another duplicate.

        No deadlock: what is in flight is downstream of whoever waits here, and the batcher
        flushes when its input is idle.
        """
        while self._waiting >= self._most_waiting:
            await self._room.wait()
