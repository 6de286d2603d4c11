"""What a verification is about: the folder, and the collection as settings and ledger see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.providers import chosen_model
from waypoint.errors import UsageError
from waypoint.ingestion.chunk_setup import build_chunker
from waypoint.ingestion.collection_manager import disagreement
from waypoint.ingestion.origin_check import recorded_roots
from waypoint.ingestion.recipe import Recipe
from waypoint.models import EmbeddingSpace
from waypoint.query.open import OpenStore
from waypoint.settings import Settings
from waypoint.sources.kinds import open_source
from waypoint.sources.origin import Origin
from waypoint.sources.port import Root, Source
from waypoint.storage.ledger.records import LedgerCollection
from waypoint.storage.port import CollectionState
from waypoint.verification.integrity import Subject


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """The folders of a collection, as an ingestion walks them."""

    settings: Settings
    """Of the first."""
    source: Source

    @property
    def path(self) -> Path:
        return self.settings.knowledge_base_path


async def find_folder(
    settings: Settings, recorded: Origin | None
) -> tuple[KnowledgeBase | None, str]:
    """The folder that was given, else that of the last run; or why there is none.

    What ingestions were told of it holds, whatever the settings say.
    """
    path = folder_path(settings, recorded.root if recorded is not None else "")
    here = settings.model_copy(update={"knowledge_base_path": path})
    roots = (Root("", here),) if recorded is None else recorded_roots(here, recorded)
    folder = KnowledgeBase(roots[0].settings, open_source(roots))
    try:
        await to_thread.run_sync(folder.source.discover)
    except UsageError as error:
        if "knowledge_base_path" in settings.model_fields_set:
            raise
        return None, f"{error.message}: give its path"
    return folder, ""


def folder_path(settings: Settings, root: str) -> Path:
    """The folder that was given, else ``root``, that of the last run."""
    if root and "knowledge_base_path" not in settings.model_fields_set:
        return Path(root)
    return settings.knowledge_base_path


def describe_subject(
    settings: Settings,
    store: OpenStore,
    name: str,
    entry: LedgerCollection | None,
    state: CollectionState,
    no_folder: str,
) -> Subject:
    """What is verified, held against the settings and the ledger's word of it."""
    recipe = _recipe(settings, state).metadata()
    dimensions = state.metadata.get("waypoint_dimensions")
    if type(dimensions) is not int:
        dimensions = settings.embedding_dimensions
    no_ledger = store.no_ledger
    if store.ledger is not None and entry is None:
        no_ledger = f"the ledger does not know the collection {name!r}"
    return Subject(
        count=state.count,
        dimensions=dimensions,
        differences=[
            f"{key.removeprefix('waypoint_')} is {state.metadata.get(key)!r} there and "
            f"{value!r} in the settings"
            for key, value in recipe.items()
            if state.metadata.get(key) != value
        ],
        recipe=", ".join(
            str(recipe[f"waypoint_{part}"])
            for part in ("provider", "model", "dimensions", "task_type", "chunking")
        ),
        disagreement=disagreement(entry, state) if entry else "",
        no_ledger=no_ledger,
        broken_ledger=store.broken_ledger,
        no_folder=no_folder,
        running=store.holder,
    )


def _recipe(settings: Settings, state: CollectionState) -> Recipe:
    """What the settings would make; the provider is the collection's, whichever it is."""
    provider = str(state.metadata.get("waypoint_provider", ""))
    chunker = build_chunker(settings, chosen_model(settings))
    space = EmbeddingSpace(
        provider, settings.embedding_model, settings.embedding_dimensions, DOCUMENT_TASK
    )
    return Recipe(space, chunker.settings.fingerprint())
