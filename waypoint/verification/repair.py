"""Repair: what a verification found wrong is taken out, and an ingestion puts it back.

What can be corrected in place (metadata, missing chunks, stale ones) is only marked: its
documents become incomplete, and an ingestion compares those with the collection id by id. What
cannot (a wrong text or vector: an id's vector never changes) is deleted first. The ingestion
then writes from the committed vectors, and embeds those alone that the ledger lacks.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from anyio import to_thread

from waypoint.embedding.providers import (
    PROVIDERS,
    chosen_provider,
    endpoint_of,
    known_model,
    with_simulator,
)
from waypoint.errors import StoreDamagedError, UsageError
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.plan import make_plan
from waypoint.ingestion.recipe import space_of
from waypoint.ingestion.run import collection_name
from waypoint.models import EmbeddingSpace
from waypoint.observe.events import EventBus
from waypoint.query.open import OpenStore, open_for_reading
from waypoint.settings import Settings
from waypoint.sources.origin import Origin
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import LedgerCollection
from waypoint.verification.inventory import Inventory
from waypoint.verification.repair_needs import (
    NOT_MENDED,
    RepairSteps,
    bad_vectors,
    find_repairs,
    ids_to_delete,
    sources_to_compare,
)
from waypoint.verification.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair will do, and what it will cost."""

    collection: str
    provider: str
    steps: RepairSteps
    texts_to_embed: int
    cost_usd: float
    """Estimated."""


async def plan_repair(
    settings: Settings,
    verdict: Verdict,
    inventory: Inventory,
    recorded: Origin | None,
    *,
    simulate: bool,
) -> Repair | None:
    """What to do about what a verification found; None if nothing is wrong that can be mended.

    Reads and chunks the whole folder, to know what would be embedded.

    Raises:
        UsageError: the settings, or the folder, are not the collection's, or there is no folder.
    """
    failing = frozenset(verdict.failing())
    if "recipe" in failing:
        raise UsageError(
            f"collection {verdict.collection!r} was made with other settings, so it cannot be "
            "repaired with these",
            hint="use the settings it was made with, or start it anew with "
            "`waypoint ingest --clear`",
        )
    if not failing - NOT_MENDED:
        return None
    steps = find_repairs(inventory, failing)
    provider = verdict.provider or _likely_provider(settings, verdict.collection, simulate)
    settings = settings.model_copy(update={"embedding_provider": provider})
    plan = await make_plan(settings, IngestOptions(repaired=recorded), recorded=recorded)
    price = known_model(settings.embedding_model, provider).usd_per_million_tokens / 1_000_000
    return Repair(
        collection=verdict.collection,
        provider=provider,
        steps=steps,
        texts_to_embed=plan.texts_to_embed + steps.vectors_dropped,
        cost_usd=plan.cost_usd + steps.tokens_dropped * price,
    )


def _likely_provider(settings: Settings, collection: str, simulate: bool) -> str:
    """Where nobody can be asked, the name and the command tell."""
    unnamed = settings.model_copy(update={"collection_name": None})
    for provider in PROVIDERS.values():
        if not simulate and collection == collection_name(unnamed, provider):
            return provider.name
    return chosen_provider(with_simulator(settings, simulate=simulate)).name


class Repairer:
    """Takes out what is wrong; the ingestion afterwards is the caller's."""

    def __init__(
        self, settings: Settings, repair: Repair, inventory: Inventory, events: EventBus
    ) -> None:
        self._settings = settings
        self._repair = repair
        self._inventory = inventory
        self._events = events

    async def run(self) -> None:
        """Mark, then delete: a death in between leaves what the next ingestion mends.

        Raises:
            MissingKeyError: the ingestion could not run; nothing was touched.
            StoreLockedError: somebody else has begun to use the store.
            WaypointError: the store, the ledger or the service went away.
        """
        await endpoint_of(self._settings, self._repair.provider)
        # What cannot be read is rebuilt, or set aside, by the ingestion.
        with suppress(StoreDamagedError):
            async with open_for_reading(self._settings, self._events) as store:
                await self._mend(store)

    async def _mend(self, store: OpenStore) -> None:
        name = self._repair.collection
        state = await store.reader.open(name)
        if store.ledger is not None:
            entry = await store.ledger.collection(name)
            space = space_of(state.metadata) if state is not None else None
            if entry is not None:
                await self._begin(store.ledger, entry)
            if space is not None:
                await self._mend_vectors(store.ledger, space)
        if state is not None and not self._repair.steps.rebuild:
            pages = ids_to_delete(self._inventory)
            while ids := await to_thread.run_sync(next, pages, None):
                await store.reader.delete(ids)

    async def _begin(self, ledger: Ledger, entry: LedgerCollection) -> None:
        pages = sources_to_compare(self._inventory)
        while sources := await to_thread.run_sync(next, pages, None):
            await ledger.start_documents(entry.id, sources)

    async def _mend_vectors(self, ledger: Ledger, space: EmbeddingSpace) -> None:
        pages = bad_vectors(self._inventory)
        while page := await to_thread.run_sync(next, pages, None):
            vectors = {
                key: None if data is None else np.frombuffer(data, "<f4") for key, data in page
            }
            await ledger.replace_vectors(space, vectors)
