"""Vectors that Chroma holds, saved in the ledger before anything is done to the collection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from anyio import to_thread

from waypoint.chunking import context_header, embeds_context, is_named_after
from waypoint.embedding.providers import model_of
from waypoint.embedding.text_key import TextKeys
from waypoint.errors import StoreDamagedError
from waypoint.ingestion.recipe import space_of
from waypoint.models import EmbeddingSpace, Metadata, TextKey, Vector
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.port import StoredChunk, UnreadableVectorError, VectorStore

_UNIT = 1e-3
"""By how much a vector's length may differ from 1; float32 rounds at about 1e-7."""


class VectorSaver:
    """Enters the vectors of one collection that the ledger lacks, under the keys of their texts.

    A vector is believed only if it belongs to the text it claims: a chunk's id comes from its
    text, so one whose text another client changed is told by it.

    Args:
        chunking: the fingerprint of the collection's chunker.
        tolerant: what cannot be read is left out; else it is a StoreDamagedError.
    """

    def __init__(
        self,
        store: VectorStore,
        ledger: Ledger,
        space: EmbeddingSpace,
        chunking: str,
        *,
        tolerant: bool,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._space = space
        self._tolerant = tolerant
        self._hopeless = False
        """No vector can be read any more."""
        self._context_headers = embeds_context(chunking)
        self._model = model_of(space)
        self._keys = TextKeys(space)
        self.read = 0
        """Chunks that were looked at."""
        self.saved = 0
        """Vectors that were not in the ledger."""
        self.changed = 0
        """Chunks whose text is not the one that their id was made for."""
        self.lost = 0
        """Chunks whose vector is in neither, or not whole."""

    async def save(self, page: Sequence[StoredChunk]) -> dict[str, TextKey]:
        """Save a page of chunks; returns the text keys of those that are believed, by id."""
        keys = await to_thread.run_sync(self._keys_of, page)
        committed = await self._ledger.committed_keys(list(set(keys.values())))
        lacking = [chunk_id for chunk_id, key in keys.items() if key not in committed]
        read = await self._read(lacking)
        whole = {keys[each]: vector for each, vector in read.items() if self._is_whole(vector)}
        self.saved += await self._ledger.restore_vectors(self._space, whole)
        self.lost += sum(keys[chunk_id] not in whole for chunk_id in lacking)
        self.changed += len(page) - len(keys)
        self.read += len(page)
        return keys

    def told(self) -> str:
        """What is to be said of it."""
        said = f"{self.saved:,} vectors were taken into the ledger"
        if self.changed:
            said += f"; {self.changed:,} were not, since their text was changed by another program"
        if self.lost:
            said += f"; {self.lost:,} cannot be read, or are not whole, and are embedded again"
        return said

    async def _read(self, ids: Sequence[str]) -> dict[str, Vector]:
        if not ids or self._hopeless:
            return {}
        try:
            found, vectors = await self._store.vectors(ids)
            return dict(zip(found, vectors, strict=True))
        except UnreadableVectorError:
            if not self._tolerant:
                raise
            half = len(ids) // 2
            return await self._read(ids[:half]) | await self._read(ids[half:]) if half else {}
        except StoreDamagedError:
            if not self._tolerant:
                raise
            self._hopeless = True
            return {}

    def _keys_of(self, page: Sequence[StoredChunk]) -> dict[str, TextKey]:
        keys = {}
        for chunk in page:
            context = ""
            if self._context_headers:
                context = context_header(chunk.field("title"), chunk.field("heading_path"))
            if is_named_after(chunk.id, chunk.source, chunk.text, context):
                text = self._model.text_to_embed(chunk.text, self._space.task_type, context)
                keys[chunk.id] = self._keys.key(text)
        return keys

    def _is_whole(self, vector: Vector) -> bool:
        if vector.shape != (self._space.dimensions,):
            return False
        return bool(abs(np.linalg.norm(vector.astype(np.float64)) - 1) <= _UNIT)


async def save_collection(
    store: VectorStore, ledger: Ledger, metadata: Metadata
) -> VectorSaver | None:
    """Save all that can be read of a collection, a page at a time; None if it is not ours.

    Raises:
        StoreDamagedError: its chunks cannot be read, or not to the end.
    """
    space = space_of(metadata)
    if space is None:
        return None
    chunking = str(metadata.get("waypoint_chunking", ""))
    saver = VectorSaver(store, ledger, space, chunking, tolerant=True)
    async for page in store.stored_chunks():
        await saver.save(page)
    return saver
