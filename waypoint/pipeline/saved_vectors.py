"""Vectors that Chroma holds, saved in the ledger before anything is done to the collection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from waypoint.chunking import context_header, is_named_after
from waypoint.embedding.known_models import known_model
from waypoint.embedding.text_key import TextKeys
from waypoint.models import EmbeddingSpace, TextKey, Vector
from waypoint.storage.chroma_records import StoredChunk
from waypoint.storage.ledger import Ledger
from waypoint.storage.ledger.thread import LedgerThread


class VectorSaver:
    """Enters the vectors of one collection that the ledger lacks, under the keys of their texts.

    A vector is believed only if it belongs to the text it claims: a chunk's id comes from its
    text, so one whose text another client changed is told by it.

    Args:
        context_headers: whether the collection's chunks are embedded with title and heading path.
    """

    def __init__(
        self, ledger: LedgerThread, space: EmbeddingSpace, *, context_headers: bool
    ) -> None:
        self._ledger = ledger
        self._space = space
        self._context_headers = context_headers
        self._model = known_model(space.model)
        self._keys = TextKeys(space)
        self.read = 0
        """Chunks that were looked at."""
        self.saved = 0
        """Vectors that were not in the ledger."""
        self.doubtful = 0
        """Chunks whose vector is not what was paid for their text, as far as can be told."""

    async def save(self, page: Sequence[StoredChunk]) -> None:
        """Save a page of chunks."""
        vectors: dict[TextKey, Vector] = {}
        for chunk in page:
            context = ""
            if self._context_headers:
                context = context_header(chunk.title, chunk.heading_path)
            if self._is_right(chunk, context):
                text = self._model.text_to_embed(chunk.text, self._space.task_type, context)
                vectors[self._keys.key(text)] = chunk.vector
            else:
                self.doubtful += 1
        self.read += len(page)
        self.saved += await self._ledger.run(Ledger.take_back, self._space, vectors)

    def _is_right(self, chunk: StoredChunk, context: str) -> bool:
        vector = chunk.vector
        return (
            is_named_after(chunk.id, chunk.source, chunk.text, context)
            and vector.shape == (self._space.dimensions,)
            and bool(np.isfinite(vector).all())
            and bool(vector.any())
        )
