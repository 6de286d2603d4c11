"""Texts that are being looked up or bought: each of them once, whoever else wants it."""

from __future__ import annotations

import anyio

from waypoint.ingest.messages import Candidate
from waypoint.models import TextKey

MOST_PARKED = 10_000
"""Followers that may wait for their leaders; more of them hold the lookup back."""


class InFlight:
    """The first chunk with a text is its leader; those after it are parked until it is settled.

    A leader is claimed before the ledger is asked and released only after its vector is
    committed there, so that a later chunk meets it in one place or in the other.
    """

    def __init__(self, most_parked: int = MOST_PARKED) -> None:
        self._followers: dict[TextKey, list[Candidate]] = {}
        self._most_parked = most_parked
        self._parked = 0
        self._room = anyio.Event()

    def claim(self, candidate: Candidate) -> bool:
        """True for a leader; a follower is parked."""
        followers = self._followers.get(candidate.key)
        if followers is None:
            self._followers[candidate.key] = []
            return True
        followers.append(candidate)
        self._parked += 1
        return False

    def release(self, key: TextKey) -> list[Candidate]:
        """The followers of a leader that is settled, one way or the other."""
        followers = self._followers.pop(key)
        if followers:
            self._parked -= len(followers)
            if self._parked < self._most_parked:
                self._room.set()
                self._room = anyio.Event()
        return followers

    async def room(self) -> None:
        """Wait until another follower may be parked.

        No deadlock: leaders are downstream of whoever waits here, and the batcher flushes
        when its input is idle.
        """
        while self._parked >= self._most_parked:
            await self._room.wait()
