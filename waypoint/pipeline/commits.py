"""Where answers become vectors in the ledger: room is made sure of before a call is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import anyio

from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.port import Answer
from waypoint.errors import LedgerError, StoreWriteError
from waypoint.events import EventBus, TextsLost, TextsPaid
from waypoint.models import EmbeddingSpace, TextKey
from waypoint.service_day import service_day
from waypoint.storage.ledger import HORIZON, CallRoom, Ledger
from waypoint.storage.ledger.thread import LedgerThread


class Commits:
    """Commits the answers of all calls that share an account.

    Args:
        batch_size: most texts in one call.
        calls: how many may be in flight now.
    """

    def __init__(
        self,
        ledger: LedgerThread,
        events: EventBus,
        *,
        space: EmbeddingSpace,
        model: EmbeddingModel,
        batch_size: int,
        calls: Callable[[], int] = lambda: 1,
        today: Callable[[], date] = service_day,
    ) -> None:
        self._ledger = ledger
        self._events = events
        self._space = space
        self._model = model
        self._batch_size = batch_size
        self._calls = calls
        self._today = today
        self._making_room = anyio.Lock()
        self._room_for = 0
        """Calls."""
        self._texts_left = 0
        """That may be committed before the room is reckoned anew."""
        self.saved = 0
        """Texts that were committed."""

    async def make_room(self) -> None:
        """To be awaited before a call: what is in flight has room in the ledger.

        Raises:
            DiskFullError: it has not; the call must not be made.
        """
        async with self._making_room:
            if self._ledger.out_of_room is not None:
                raise self._ledger.out_of_room
            calls = max(self._calls(), self._room_for)
            if calls > self._room_for or self._texts_left <= 0:
                room = CallRoom(calls, self._batch_size, self._space.dimensions)
                await self._ledger.run(Ledger.make_room, room)
                self._room_for, self._texts_left = calls, HORIZON

    async def commit(self, keys: Sequence[TextKey], answer: Answer, estimate: int) -> None:
        """Commit an answer: its texts are paid. ``estimate``: of their tokens.

        Raises:
            DiskFullError: it is committed, in the room that was kept for it; no further call
                must be made.
            StoreWriteError, LedgerError: it could not be; that it was paid for is counted.
        """
        tokens = estimate if answer.tokens is None else answer.tokens
        cost = tokens * self._model.usd_per_million_tokens / 1_000_000
        day = self._today().isoformat()
        # What arrived is paid for: not even a second Ctrl-C may lose it before it is noted.
        with anyio.CancelScope(shield=True):
            try:
                await self._ledger.run(
                    Ledger.pay,
                    self._space,
                    keys,
                    answer.vectors,
                    tokens=tokens,
                    cost_usd=cost,
                    day=day,
                )
            except (StoreWriteError, LedgerError):
                await self._count_lost(len(keys), tokens, cost, day)
                raise
        self.saved += len(keys)
        self._texts_left -= len(keys)
        self._events.emit(TextsPaid(len(keys), tokens, cost))
        if self._ledger.out_of_room is not None:
            raise self._ledger.out_of_room

    async def _count_lost(self, texts: int, tokens: int, cost: float, day: str) -> None:
        """The service has billed it: the day and the report have it, the ledger if it can."""
        try:
            await self._ledger.run(
                Ledger.count_lost, self._space, texts, tokens=tokens, cost_usd=cost, day=day
            )
            counted = True
        except (StoreWriteError, LedgerError):
            counted = False
        self._events.emit(TextsLost(texts, tokens, cost, counted))
