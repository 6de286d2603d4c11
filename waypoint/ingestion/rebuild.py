"""A damaged collection written anew: beside itself, so that readers have one all the time.

What can be read of it is copied, with the committed vectors. Then the new collection
takes the name, and only then the damaged one is deleted. A death at any step leaves what the
next run brings to its end (:meth:`Rebuilding.settle`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import anyio
import numpy as np

from waypoint.errors import StoreDamagedError
from waypoint.ingestion.recipe import Recipe
from waypoint.ingestion.saved_vectors import VectorSaver, save_collection
from waypoint.models import (
    Chunk,
    MetadataValue,
    TextKey,
)
from waypoint.observe.events import EventBus, StoreNotice
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.passing_names import beside, replaced
from waypoint.storage.port import CollectionState, StoredChunk, VectorStore


class Rebuilding:
    """Of the collection ``name``.

    Args:
        restart: starts a private server again that ended over a broken index.
    """

    def __init__(
        self,
        name: str,
        store: VectorStore,
        ledger: Ledger,
        events: EventBus,
        restart: Callable[[], Awaitable[None]],
    ) -> None:
        self._name = name
        self._store = store
        self._ledger = ledger
        self._events = events
        self.restart = restart
        self.copied = 0
        """Chunks of the damaged collection that are in the new one."""
        self.whole = False
        """Whether all are."""

    async def settle(self) -> None:
        """Bring to its end what a death left: of two collections, one has the name again."""
        store = self._store.another()
        names = beside(self._name), replaced(self._name)
        left = [name for name in names if await store.find(name) is not None]
        if left and await store.find(self._name) is None:
            # It died between two renamings: the new collection is whole, if it is there.
            await store.find(left.pop(0))
            await store.rename(self._name)
        for name in left:
            state = await store.find(name)
            # A ledger that was lost meanwhile may lack what it holds.
            try:
                if state is not None:
                    await save_collection(store, self._ledger, state.metadata)
            except StoreDamagedError:
                await self.restart()
            await store.drop(name)

    async def run(
        self, entry: int, recipe: Recipe, metadata: Mapping[str, MetadataValue]
    ) -> CollectionState:
        """Copy what can be read, and put the copy in the place of the damaged collection.

        The store has the damaged collection open, and then the new one, which is returned.
        Documents that the store has any chunk of are started in the ledger.

        Args:
            entry: the ledger's number of the collection.
            metadata: of the new collection.

        Raises:
            StoreDamagedError: nothing can be written; the damaged collection is as it was.
        """
        new = self._store.another()
        await new.create(beside(self._name), recipe.space, metadata)
        saver = VectorSaver(self._store, self._ledger, recipe.space, recipe.chunking, tolerant=True)
        self.whole = True
        async for page in self._readable():
            await self._ledger.start_documents(entry, sorted({chunk.source for chunk in page}))
            await self._copy(new, page, await saver.save(page))
        self._events.emit(StoreNotice(await self._told(entry, saver)))
        with anyio.CancelScope(shield=True):
            await self._store.rename(replaced(self._name))
            await new.rename(self._name)
        await self._store.drop(replaced(self._name))
        state = await self._store.open(self._name)
        if state is None:
            raise StoreDamagedError(f"collection {self._name!r} was deleted by another program")
        return state

    async def _readable(self) -> AsyncIterator[Sequence[StoredChunk]]:
        try:
            async for page in self._store.stored_chunks():
                yield page
        except StoreDamagedError:
            self.whole = False
            await self.restart()

    async def _copy(
        self, new: VectorStore, page: Sequence[StoredChunk], keys: Mapping[str, TextKey]
    ) -> None:
        vectors = await self._ledger.committed_vectors(list(set(keys.values())))
        chunks = [
            Chunk(each.id, each.source, each.text, dict(each.metadata))
            for each in page
            if keys.get(each.id) in vectors
        ]
        self.whole &= len(chunks) == len(page)
        self.copied += len(chunks)
        if chunks:
            rows = np.stack([vectors[keys[chunk.id]] for chunk in chunks])
            await new.upsert(await new.pack(chunks, rows))

    async def _told(self, entry: int, saver: VectorSaver) -> str:
        said = (
            f"collection {self._name!r} is damaged: {self.copied:,} chunks are copied into a new "
            f"one, which takes its place; {saver.told()}"
        )
        if self.whole:
            return said
        try:
            count = f"{await self._store.count() - self.copied:,} chunks"
        except StoreDamagedError:
            count = "its other chunks"
            await self.restart()
        lacking = await self._ledger.uncommitted_chunks(entry)
        return (
            f"{said}; {count} are written anew: of those that the ledger knows it lacks the "
            f"vectors of {lacking:,}, which are embedded again"
        )
