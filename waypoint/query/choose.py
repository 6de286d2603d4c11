"""Which collection a command means that has none of its own to fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waypoint.embedding.providers import PROVIDERS, chosen_provider, with_simulator
from waypoint.errors import UsageError
from waypoint.ingestion.run import collection_name
from waypoint.query.open import OpenStore
from waypoint.settings import Settings
from waypoint.storage.ledger.records import LedgerCollection
from waypoint.storage.port import CollectionState


@dataclass(frozen=True, slots=True)
class ChosenCollection:
    """A collection of the store."""

    name: str
    state: CollectionState | None
    """None if it is gone from Chroma."""
    entry: LedgerCollection | None
    """The ledger's, if that can be read and knows it."""
    notices: tuple[str, ...] = ()


async def choose_collection(
    store: OpenStore, settings: Settings, *, simulate: bool
) -> ChosenCollection:
    """The one that was named; else the default one, or another provider's if it is alone.

    Raises:
        UsageError: neither Chroma nor the ledger knows it.
    """
    names = await store.reader.names()
    known = set(names)
    if store.ledger is not None:
        known |= {entry.name for entry in await store.ledger.cached_collections()}
    name, notices = choose_name(sorted(known), settings, simulate=simulate)
    state = await store.reader.open(name) if name in names else None
    entry = None
    if store.ledger is not None:
        entry = await store.ledger.collection(name)
    if state is None and entry is None:
        there = ", ".join(sorted(known)) or "none"
        raise UsageError(
            f"there is no collection {name!r}; collections that are there: {there}",
            hint="ingest first, or name one of them with --collection",
        )
    return ChosenCollection(name, state, entry, notices)


def choose_name(
    names: Sequence[str], settings: Settings, *, simulate: bool
) -> tuple[str, tuple[str, ...]]:
    """The name that is meant, of those that are there, and what to say about the choice."""
    meant = collection_name(settings, chosen_provider(with_simulator(settings, simulate=simulate)))
    if settings.collection_name is not None or simulate:
        return meant, ()
    defaults = {collection_name(settings, provider) for provider in PROVIDERS.values()}
    others = [name for name in names if name in defaults - {meant}]
    if meant not in names and len(others) == 1:
        return others[0], ()
    if not others:
        return meant, ()
    return meant, (f"{meant} is meant, not {others[0]}: choose that with --collection",)
