"""Where answers become vectors in the ledger: room is made sure of before a call is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import anyio

from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.port import Answer
from waypoint.errors import LedgerDamagedError, LedgerError, StoreWriteError
from waypoint.models import EmbeddingSpace, TextKey, Vectors
from waypoint.observe.events import EventBus, TextsEmbedded, TextsLost
from waypoint.service_day import service_day
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.room import HORIZON, CallRoom


@dataclass(frozen=True, slots=True)
class Billed:
    """An answered call that is to be committed."""

    keys: Sequence[TextKey]
    vectors: Vectors
    tokens: int
    cost_usd: float
    day: str

    def lost(self, *, counted: bool = False) -> TextsLost:
        """What is told if it could not be."""
        return TextsLost(len(self.keys), self.tokens, self.cost_usd, counted)


class Commits:
    """Commits the answers of all calls that share an account.

    Args:
        kept: answers that a damaged ledger could not take, for the one that replaces it; None
            where none will.
        batch_size: most texts in one call.
        calls: how many may be in flight now.
    """

    def __init__(
        self,
        ledger: Ledger,
        events: EventBus,
        *,
        space: EmbeddingSpace,
        model: EmbeddingModel,
        batch_size: int,
        calls: Callable[[], int] = lambda: 1,
        kept: list[Billed] | None = None,
        today: Callable[[], date] = service_day,
    ) -> None:
        self._ledger = ledger
        self._events = events
        self._space = space
        self._model = model
        self._batch_size = batch_size
        self._calls = calls
        self._kept = kept
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
            StoreWriteError: it has not; the call must not be made.
        """
        async with self._making_room:
            if self._ledger.closing is not None:
                raise self._ledger.closing
            calls = max(self._calls(), self._room_for)
            if calls > self._room_for or self._texts_left <= 0:
                room = CallRoom(calls, self._batch_size, self._space.dimensions)
                await self._ledger.make_room(room)
                self._room_for, self._texts_left = calls, HORIZON

    async def commit(self, keys: Sequence[TextKey], answer: Answer, estimate: int) -> None:
        """Commit an answer. ``estimate``: of their tokens.

        Raises:
            StoreWriteError: it is committed, but no further call must be made; or it is not,
                and was counted as lost.
            LedgerDamagedError: it is kept for the next ledger.
            LedgerError: it was counted as lost.
        """
        tokens = estimate if answer.tokens is None else answer.tokens
        cost = tokens * self._model.usd_per_million_tokens / 1_000_000
        day = self._today().isoformat()
        await self._commit(Billed(keys, answer.vectors, tokens, cost, day))
        if self._ledger.closing is not None:
            raise self._ledger.closing

    async def commit_kept(self) -> None:
        """Commit what a damaged ledger could not take.

        Raises:
            StoreWriteError, LedgerError: as :meth:`commit`.
        """
        while self._kept:
            await self.make_room()
            await self._commit(self._kept.pop())

    async def _commit(self, billed: Billed) -> None:
        # What arrived is billed: not even a second Ctrl-C may lose it before it is noted.
        with anyio.CancelScope(shield=True):
            try:
                await self._ledger.commit_vectors(
                    self._space,
                    billed.keys,
                    billed.vectors,
                    tokens=billed.tokens,
                    cost_usd=billed.cost_usd,
                    day=billed.day,
                )
            except (StoreWriteError, LedgerError) as error:
                if self._kept is not None and isinstance(error, LedgerDamagedError):
                    self._kept.append(billed)
                else:
                    await self._count_lost(billed)
                raise
        self.saved += len(billed.keys)
        self._texts_left -= len(billed.keys)
        self._events.emit(TextsEmbedded(len(billed.keys), billed.tokens, billed.cost_usd))

    async def _count_lost(self, billed: Billed) -> None:
        """The report has it in any case, the ledger if it can."""
        texts, tokens, cost = len(billed.keys), billed.tokens, billed.cost_usd
        try:
            await self._ledger.count_lost(
                self._space, texts, tokens=tokens, cost_usd=cost, day=billed.day
            )
        except (StoreWriteError, LedgerError):
            self._events.emit(billed.lost())
        else:
            self._events.emit(billed.lost(counted=True))
