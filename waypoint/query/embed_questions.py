"""Texts embedded outside of an ingestion: questions, and samples to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np

from waypoint.embedding.batching import Batch, BatchBuilder
from waypoint.embedding.lazy_embedder import LazyEmbedder
from waypoint.embedding.metered import Account
from waypoint.embedding.port import BatchTooLargeError, CallRefusedError, Endpoint
from waypoint.embedding.providers import model_of
from waypoint.embedding.rate_limit import Quota
from waypoint.embedding.retrying import RetryCounter, RetryingEmbedder
from waypoint.embedding.text_key import TextKeys
from waypoint.embedding.tokens import estimate_tokens
from waypoint.errors import RequestRefusedError
from waypoint.ingestion.account import open_quota
from waypoint.ingestion.commits import Commits
from waypoint.models import EmbeddingSpace, TextKey, Vector, Vectors
from waypoint.observe.events import EventBus, StoreNotice
from waypoint.settings import Settings
from waypoint.stopping import Stop
from waypoint.storage.ledger.port import Ledger


@dataclass(frozen=True, slots=True)
class _Text:
    key: TextKey
    text: str
    """As it is sent."""
    tokens: int


class Service:
    """The endpoint of one command, with the one quota that all its texts are paced by.

    Args:
        ledger: where what is embedded is kept, and looked up; None if a run has it.
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: Endpoint,
        ledger: Ledger | None,
        events: EventBus,
        stack: AsyncExitStack,
    ) -> None:
        self.settings = settings
        self.ledger = ledger
        self.events = events
        self._endpoint = endpoint
        self._stack = stack
        self._quota: Quota | None = None

    async def connect(self, space: EmbeddingSpace) -> tuple[RetryingEmbedder, Quota]:
        """What embeds texts of that space, and what paces it."""
        if self._quota is None:
            self._quota = await self._open_quota(space)
            for notice in self._endpoint.notices:
                self.events.emit(StoreNotice(notice))
        embedder = LazyEmbedder(self._endpoint, space, self._stack)
        retrying = RetryingEmbedder(
            embedder,
            Account(self._quota),
            Stop(),
            self.events,
            give_up_after=self.settings.give_up_after,
            prepare=embedder.connect,
        )
        return retrying, self._quota

    async def _open_quota(self, space: EmbeddingSpace) -> Quota:
        rules = self._endpoint.quota
        return await open_quota(self.settings.quota, rules, self.ledger, space, self.events)


class ServiceTexts:
    """Embeds texts of one space, within the account's quota; nothing twice.

    Args:
        space: its task type says what the texts are for.
        anew: call the service also for what is committed, and only count what that costs.
    """

    def __init__(self, service: Service, space: EmbeddingSpace, *, anew: bool = False) -> None:
        self._service = service
        self._ledger = service.ledger
        self._space = space
        self._model = model_of(space)
        self._anew = anew
        self._commits: Commits | None = None
        if self._ledger is not None:
            self._commits = Commits(
                self._ledger,
                service.events,
                space=space,
                model=self._model,
                batch_size=service.settings.batch_size,
            )

    def cost(self, tokens: int) -> float:
        """US dollars that so many tokens cost at the model's price."""
        return tokens * self._model.usd_per_million_tokens / 1_000_000

    async def embed(self, texts: Sequence[str], contexts: Sequence[str] = ()) -> Vectors:
        """As ``TextEmbedder.embed``.

        Raises:
            RequestRefusedError: the service refuses one of the texts.
            WaypointError: as an ingestion's calls.
        """
        keys = TextKeys(self._space)
        sent = [
            self._model.text_to_embed(text, self._space.task_type, context)
            for text, context in zip(texts, contexts or [""] * len(texts), strict=True)
        ]
        wanted = [_Text(keys.key(text), text, estimate_tokens(text)) for text in sent]
        known: dict[TextKey, Vector] = {}
        if self._ledger is not None and not self._anew:
            known = await self._ledger.committed_vectors([text.key for text in wanted])
        missing = {text.key: text for text in wanted if text.key not in known}
        if missing:
            known |= await self._pay(list(missing.values()))
        return np.stack([known[text.key] for text in wanted])

    async def _pay(self, texts: Sequence[_Text]) -> dict[TextKey, Vector]:
        embedded: dict[TextKey, Vector] = {}
        retrying, quota = await self._service.connect(self._space)
        builder: BatchBuilder[_Text] = BatchBuilder(
            min(self._service.settings.batch_size, self._model.max_texts),
            self._model.max_bytes,
            lambda: quota.best_batch_for(self._model.max_tokens),
        )
        for text in texts:
            for batch in builder.add(text):
                embedded |= await self._call(retrying, batch)
        if len(builder):
            embedded |= await self._call(retrying, builder.flush())
        return embedded

    async def _call(self, retrying: RetryingEmbedder, batch: Batch[_Text]) -> dict[TextKey, Vector]:
        if self._commits is not None:
            await self._commits.make_room()
        try:
            answer = await retrying.embed(
                [text.text for text in batch.items], batch.tokens, counter=RetryCounter()
            )
        except BatchTooLargeError:
            # The quota turned out to be smaller than the batch. One text alone always fits.
            halves = batch.halves()
            return {
                key: vector
                for half in halves
                for key, vector in (await self._call(retrying, half)).items()
            }
        except CallRefusedError as error:
            raise RequestRefusedError(
                f"the service refuses to embed a text ({error.reason})",
                hint="shorten it, or ask in other words",
            ) from error
        keys = [text.key for text in batch.items]
        if self._commits is not None:
            await self._commits.commit(keys, answer, batch.tokens)
        return dict(zip(keys, answer.vectors, strict=True))
