"""An embedder that does as a script says, call by call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import anyio
import numpy as np

from waypoint.embedding.port import Answer
from waypoint.models import EmbeddingSpace

Outcome: TypeAlias = Exception | int | None
"""What a call is met with: an error, tokens that the service counted, or a plain answer."""


class ScriptedEmbedder:
    """Meets the calls with the outcomes of a script, in order, and answers all further ones.

    Args:
        outcomes: one for each call; or a function that tells it by the call's time and texts.
        latency: seconds that every call takes.
    """

    def __init__(
        self,
        outcomes: Iterable[Outcome] | Callable[[float, Sequence[str]], Outcome] = (),
        *,
        latency: float = 0.0,
    ) -> None:
        self._decide = outcomes if callable(outcomes) else None
        self._script = iter(()) if callable(outcomes) else iter(outcomes)
        self._latency = latency
        self.calls: list[tuple[float, tuple[str, ...]]] = []
        """When each call was made, by the loop's clock, and for which texts."""

    @property
    def space(self) -> EmbeddingSpace:
        return EmbeddingSpace("simulator", "gemini-embedding-001", 2, "RETRIEVAL_DOCUMENT")

    @property
    def times(self) -> list[float]:
        """When each call was made."""
        return [time for time, _ in self.calls]

    async def embed(self, texts: Sequence[str]) -> Answer:
        now = asyncio.get_running_loop().time()
        self.calls.append((now, tuple(texts)))
        outcome = self._decide(now, texts) if self._decide else next(self._script, None)
        await anyio.sleep(self._latency)
        if isinstance(outcome, Exception):
            raise outcome
        vectors = np.tile(np.array([0.6, 0.8], np.float32), (len(texts), 1))
        return Answer(vectors, outcome)
