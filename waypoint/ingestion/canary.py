"""Whose fault a refusal is: a harmless text tells the request's from the text's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.port import Answer, CallError, CallRefusedError
from waypoint.embedding.retrying import RetryCounter, RetryingEmbedder
from waypoint.embedding.text_key import TextKeys
from waypoint.embedding.tokens import estimate_tokens
from waypoint.errors import DailyQuotaError, RequestRefusedError
from waypoint.models import EmbeddingSpace, TextKey

CANARY_TEXT = "Waypoint"
"""Harmless: if even this is refused, it is not the texts that are wrong."""

Commit = Callable[[Sequence[TextKey], Answer, int], Awaitable[None]]
"""Commits an answer: the texts' keys, their answer, and the estimate of their tokens."""


class Canary:
    """Sends the canary where texts are suspect; workers that ask at the same time share one.

    No answer to another call tells as much: it may have been sent before the service changed
    its mind.
    """

    def __init__(
        self,
        embedder: RetryingEmbedder,
        commit: Commit,
        space: EmbeddingSpace,
        model: EmbeddingModel,
        wait_for_day: Callable[[DailyQuotaError], Awaitable[None]] | None,
    ) -> None:
        self._embedder = embedder
        self._commit = commit
        self._space = space
        self._model = model
        self._wait_for_day = wait_for_day
        self._lock = anyio.Lock()
        self._sent = 0
        self._last_good = 0
        """Number of the last one that was answered; the first is 1."""
        self._at_once = True
        """Whether that was its first attempt."""

    async def check(self, refusal: CallError) -> bool:
        """Return if, or as soon as, the service takes requests after that refusal came.

        Returns whether it took the canary at once: then nothing is wrong with it.

        Raises:
            RequestRefusedError: it does not: the canary is refused as well.
        """
        sent_before = self._sent
        async with self._lock:
            # Meanwhile another worker may have sent one, which serves us both.
            if self._last_good > sent_before:
                return self._at_once
            self._sent += 1
            text = self._model.text_to_embed(CANARY_TEXT, self._space.task_type)
            tokens = estimate_tokens(text)
            try:
                counter = RetryCounter()
                answer = await self._embed(text, tokens, counter)
            except CallRefusedError:
                raise RequestRefusedError(
                    f"the service refuses every request: {refusal.reason}",
                    hint="check EMBEDDING_MODEL and EMBEDDING_DIMENSIONS",
                ) from refusal
            # It counts against the day and the bill like any other.
            await self._commit([TextKeys(self._space).key(text)], answer, tokens)
            self._last_good = self._sent
            self._at_once = not counter.failures
            return self._at_once

    async def _embed(self, text: str, tokens: int, counter: RetryCounter) -> Answer:
        while True:
            try:
                return await self._embedder.embed([text], tokens, counter=counter)
            except DailyQuotaError as error:
                if self._wait_for_day is None:
                    raise
                await self._wait_for_day(error)
