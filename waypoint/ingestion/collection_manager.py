"""Whether the collection and the ledger speak of the same thing, and what to do if they don't.

The ledger says what Chroma holds; that is worth something only while it names this very
collection, in the state it was left in. Where it does not, every document counts as started:
it is then compared with the collection id by id, and written from committed vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from anyio import to_thread

from waypoint import __version__
from waypoint.errors import CollectionMismatchError, StoreDamagedError
from waypoint.ingestion.rebuild import Rebuilding
from waypoint.ingestion.recipe import Recipe
from waypoint.ingestion.saved_vectors import VectorSaver, save_collection
from waypoint.models import MetadataValue
from waypoint.observe.events import EventBus, StoreNotice
from waypoint.sources.origin import Origin
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import LedgerCollection
from waypoint.storage.port import CollectionState, VectorStore

_GENERATION = "waypoint_generation"
"""Raised before a run's first write, in the ledger and in Chroma. While that is under way the
ledger holds it negative: Chroma may then have it or the one before."""

_ROOT, _SELECTION = "waypoint_root", "waypoint_selection"

Settle: TypeAlias = Callable[[Origin | None, bool], Origin]
"""Says what a run is over, given what the collection was made from (None if that isn't known) and
whether it is empty. Raises CollectionMismatchError if a run must not be."""

_BEING_REBUILT = ""
"""In place of Chroma's id: a death in the middle must not leave what looks like agreement."""

_WORDS = {
    "waypoint_schema": "schema version",
    "waypoint_provider": "provider",
    "waypoint_model": "model",
    "waypoint_dimensions": "dimensions",
    "waypoint_task_type": "task type",
    "waypoint_chunking": "chunking",
}


class CollectionManager:
    """Opens the run's collection and keeps its generation."""

    def __init__(
        self,
        store: VectorStore,
        ledger: Ledger,
        events: EventBus,
        recipe: Recipe,
        rebuilding: Rebuilding,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._events = events
        self._recipe = recipe
        self._rebuilding = rebuilding
        self._entry: LedgerCollection | None = None
        self._origin = Origin("")

    @property
    def entry(self) -> LedgerCollection:
        """The ledger's entry, once the collection is open."""
        assert self._entry is not None, "no collection is open"
        return self._entry

    async def open(
        self, name: str, settle: Settle, *, clear: bool, damaged: bool = False
    ) -> LedgerCollection:
        """Open or make the collection, and bring the ledger into agreement with it.

        One that is suspect is asked whether its index still works.

        Args:
            settle: what it is made from.
            clear: delete the collection first.
            damaged: it was found to be: what of it can be read is written anew.

        Raises:
            CollectionMismatchError: it was made with another recipe, from another folder, or not
                by Waypoint.
            StoreDamagedError: Chroma cannot read it.
        """
        await self._rebuilding.settle()
        known = await self._ledger.collection(name)
        # What is to go, or is known to be damaged, is not asked for what needs its index.
        find = self._store.find if clear or damaged else self._store.open
        state = await find(name)
        recorded = recorded_origin(known, state)
        empty = await self._is_empty(known, state)
        self._origin = await to_thread.run_sync(settle, recorded, empty)
        if clear:
            await self._clear(name, known, state)
            state = known = None
        if state is None:
            if known is not None:
                self._events.emit(
                    StoreNotice(
                        f"collection {name!r} is gone from Chroma: it is written anew from the "
                        "committed vectors"
                    )
                )
            self._entry = await self._create(name)
            if known is not None and known.suspect:
                # Its index is gone as well; this one nobody has been killed over.
                await self._ledger.trust_collection(self._entry.id)
            return self._entry
        self._check(name, state)
        if damaged:
            await self._rebuild(name, known, state)
            return self.entry
        if known is not None and known.suspect:
            await self._store.examine()
            await self._ledger.trust_collection(known.id)
        if known is not None and await self._agrees(known, state):
            self._entry = replace(known, generation=_generation(state))
            if recorded != self._origin or _ROOT not in state.metadata:
                await self._note_origin(recorded)
        else:
            await self._rebuild_ledger(name, known, state)
        return self.entry

    async def _clear(
        self, name: str, known: LedgerCollection | None, state: CollectionState | None
    ) -> None:
        """Drop the collection, once the ledger has every vector of it that can be had."""
        if state is not None:
            await self._save_vectors(name, known, state)
        # Before it is dropped: a death in between must not make its vectors look unused.
        origin = self._origin
        await self._ledger.clear_collection(name, origin.root, origin.selection())
        await self._store.drop(name)

    async def _save_vectors(
        self, name: str, known: LedgerCollection | None, state: CollectionState
    ) -> None:
        lacking = 0
        if known is not None:
            lacking = await self._ledger.uncommitted_chunks(known.id)
        try:
            counted = await self._store.open(name)
            if not lacking and known and counted and await self._agrees(known, counted):
                return
            saver = await save_collection(self._store, self._ledger, state.metadata)
        except StoreDamagedError as error:
            await self._rebuilding.restart()
            lost = f"{lacking:,} chunks" if known else "chunks that nobody can count"
            self._tell_dropped(name, error.message, lost if lacking or known is None else "")
            return
        if saver is None:
            lost = f"{lacking if known else await self._store.count():,} chunks"
            reason = "its metadata does not say what its vectors were made by"
            self._tell_dropped(name, reason, lost if lacking or known is None else "")
            return
        self._events.emit(
            StoreNotice(
                f"collection {name!r} is not as the ledger knows it: of its {saver.read:,} "
                f"chunks, {saver.told()}, before it is dropped"
            )
        )

    def _tell_dropped(self, name: str, reason: str, lost: str) -> None:
        """``lost``: whose vectors the ledger lacks; empty if it has all."""
        if lost:
            self._events.emit(
                StoreNotice(
                    f"{reason}: with collection {name!r} go the vectors of {lost}, which the "
                    "ledger lacks"
                )
            )

    async def raise_generation(self) -> None:
        """Tell later runs that the collection is no longer what a copy made before is."""
        generation = self.entry.generation + 1
        await self._ledger.set_generation(self.entry.id, -generation)
        await self._finish_raising(generation)

    async def _finish_raising(self, generation: int) -> None:
        await self._store.set_metadata(self._metadata(generation))
        await self._ledger.set_generation(self.entry.id, generation)
        self._entry = replace(self.entry, generation=generation)

    async def _note_origin(self, recorded: Origin | None) -> None:
        """With a generation of its own: of ledger and Chroma, the newer one knows the origin."""
        now, generation = self._origin, self.entry.generation + 1
        field = "json_text_field"
        reread = recorded is not None and recorded.choices.get(field) != now.choices.get(field)
        await self._ledger.set_origin(
            self.entry.id,
            -generation,
            now.root,
            now.selection(),
            reread=reread,
        )
        await self._finish_raising(generation)

    async def _is_empty(
        self, known: LedgerCollection | None, state: CollectionState | None
    ) -> bool:
        if state is not None and state.count:
            return False
        return known is None or not await self._ledger.document_count(known.id)

    async def _create(self, name: str) -> LedgerCollection:
        state = await self._store.create(name, self._recipe.space, self._metadata(1))
        return await self._adopt(name, state.id, 1)

    async def _adopt(self, name: str, store_id: str, generation: int) -> LedgerCollection:
        return await self._ledger.adopt_collection(
            name,
            store_id=store_id,
            generation=generation,
            root=self._origin.root,
            selection=self._origin.selection(),
        )

    def _metadata(self, generation: int) -> dict[str, MetadataValue]:
        return {
            **self._recipe.metadata(),
            _GENERATION: generation,
            _ROOT: self._origin.root,
            _SELECTION: self._origin.selection(),
            "waypoint_version": __version__,
        }

    def _check(self, name: str, state: CollectionState) -> None:
        if "waypoint_schema" not in state.metadata:
            raise CollectionMismatchError(
                f"collection {name!r} was not made by Waypoint ({state.count:,} records)",
                hint="choose another name with --collection, or delete it and start anew "
                "with --clear",
            )
        differences = [
            f"{_WORDS[key]} is {state.metadata.get(key)!r} there and {value!r} now"
            for key, value in self._recipe.metadata().items()
            if state.metadata.get(key) != value
        ]
        if differences:
            raise CollectionMismatchError(
                f"collection {name!r} was made with other settings: {'; '.join(differences)}",
                hint="use the settings it was made with, choose another name with --collection, "
                "or start it anew with --clear (texts that are committed are not sent again)",
            )

    async def _agrees(self, known: LedgerCollection, state: CollectionState) -> bool:
        if disagreement(known, state):
            return False
        expected = await self._ledger.chunk_count(known.id)
        # With documents started, any number is possible; they are compared one by one anyway.
        return expected is None or expected == state.count

    async def _rebuild_ledger(
        self, name: str, known: LedgerCollection | None, state: CollectionState
    ) -> None:
        """Learn from Chroma what the ledger does not know: its documents and their vectors."""
        entry = await self._start_rebuild(name, known, state)
        recipe = self._recipe
        saver = VectorSaver(
            self._store, self._ledger, recipe.space, recipe.chunking, tolerant=False
        )
        async for page in self._store.stored_chunks():
            sources = {chunk.source for chunk in page}
            await self._ledger.start_documents(entry.id, sorted(sources))
            await saver.save(page)
        self._entry = await self._adopt(name, state.id, entry.generation)
        await self.raise_generation()
        self._events.emit(
            StoreNotice(
                f"collection {name!r} is not as the ledger left it: its {saver.read:,} chunks are "
                f"compared one by one; {saver.told()}"
            )
        )

    async def _rebuild(
        self, name: str, known: LedgerCollection | None, state: CollectionState
    ) -> None:
        entry = await self._start_rebuild(name, known, state)
        # Until it is rebuilt, however this run ends.
        await self._ledger.suspect_collections()
        generation = entry.generation + 1
        made = await self._rebuilding.run(entry.id, self._recipe, self._metadata(generation))
        self._entry = await self._adopt(name, made.id, generation)
        await self._ledger.trust_collection(entry.id)

    async def _start_rebuild(
        self, name: str, known: LedgerCollection | None, state: CollectionState
    ) -> LedgerCollection:
        # No generation is given twice: another copy of the collection may still bear it.
        newest = max(_generation(state), abs(known.generation) if known else 0)
        return await self._adopt(name, _BEING_REBUILT, newest)


def disagreement(known: LedgerCollection, state: CollectionState) -> str:
    """Why what the ledger describes is not this collection as it was left; empty if it is."""
    if known.store_id != state.id:
        return "the ledger describes another collection of that name"
    ours = abs(known.generation)
    if _generation(state) not in ((ours,) if known.generation > 0 else (ours, ours - 1)):
        return f"its generation is {_generation(state)}, the ledger's {ours}"
    return ""


def recorded_origin(known: LedgerCollection | None, state: CollectionState | None) -> Origin | None:
    """What a collection is made from, by the word of the newer of ledger and Chroma."""
    ours = None if known is None else Origin.stored(known.root, known.selection)
    if state is None:
        return ours
    theirs = Origin.stored(state.metadata.get(_ROOT), state.metadata.get(_SELECTION))
    if known is not None and theirs is not None and _generation(state) > abs(known.generation):
        return theirs
    return ours or theirs


def _generation(state: CollectionState) -> int:
    """The collection's generation; 0, which none has, if it was lost."""
    generation = state.metadata.get(_GENERATION)
    return generation if isinstance(generation, int) else 0
