"""An embedder that connects at its first call: most runs have nothing to embed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

import anyio

from waypoint.embedding.port import Answer, Embedder, Endpoint
from waypoint.models import EmbeddingSpace
from waypoint.observe.gauges import doing


class LazyEmbedder:
    """Embeds at an endpoint for one space; ``stack`` closes what was opened."""

    def __init__(self, endpoint: Endpoint, space: EmbeddingSpace, stack: AsyncExitStack) -> None:
        self.endpoint = endpoint
        self._space = space
        self._stack = stack
        self._lock = anyio.Lock()
        self._embedder: Embedder | None = None

    @property
    def space(self) -> EmbeddingSpace:
        return self._space

    async def embed(self, texts: Sequence[str]) -> Answer:
        """As ``Embedder.embed``."""
        embedder = await self._connected()
        with doing("call"):
            return await embedder.embed(texts)

    async def connect(self) -> None:
        """Connect now, if that was not done yet."""
        with doing("connect"):
            await self._connected()

    async def _connected(self) -> Embedder:
        if self._embedder is None:
            async with self._lock:
                if self._embedder is None:
                    opening = self.endpoint.open(self._space)
                    self._embedder = await self._stack.enter_async_context(opening)
        return self._embedder
