"""An ingestion in which every part that can be exchanged is another; run as a program.

Prints, as JSON, what it found and which of the libraries of the real parts were imported.
"""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import orjson

from tests.support.memory_ledger import MemoryLedger
from tests.support.memory_source import MemorySource
from tests.support.memory_store import MemoryStore
from tests.support.toy_format import TOY
from tests.support.toy_provider import MODEL, ToyProvider, ToyService
from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.lazy_embedder import LazyEmbedder
from waypoint.embedding.providers import PROVIDERS, find_endpoint, model_of
from waypoint.formats import registry
from waypoint.ingest.account import open_quota
from waypoint.ingest.chunk_setup import build_chunker
from waypoint.ingest.collection_manager import CollectionManager
from waypoint.ingest.flow import Flow
from waypoint.ingest.rebuild import Rebuilding
from waypoint.ingest.recipe import Recipe
from waypoint.models import EmbeddingSpace
from waypoint.observe.events import EventBus
from waypoint.observe.gauges import Gauges
from waypoint.settings import Settings
from waypoint.sources.origin import Origin
from waypoint.sources.port import Source
from waypoint.stopping import Stop
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.port import VectorStore
from waypoint.storage.stores import NoUpkeep

REAL = ("chromadb", "google.genai", "sqlite3")


async def ingest(
    settings: Settings, source: Source, store: VectorStore, ledger: Ledger, run_id: str
) -> None:
    """One run of the pipeline over these parts, and the removals after it."""
    events = EventBus()
    async with AsyncExitStack() as stack:
        endpoint = await find_endpoint(settings)
        provider, dimensions = endpoint.provider.name, settings.embedding_dimensions
        space = EmbeddingSpace(provider, settings.embedding_model, dimensions, DOCUMENT_TASK)
        embedder = LazyEmbedder(endpoint, space, stack)
        chunker = build_chunker(settings, model_of(space))
        recipe = Recipe(space, chunker.settings.fingerprint())
        rebuilding = Rebuilding("kb", store, ledger, events, NoUpkeep().restart)
        manager = CollectionManager(store, ledger, events, recipe, rebuilding)
        await manager.open("kb", lambda recorded, _: recorded or Origin("/memory"), clear=False)
        quota = await open_quota(settings.quota, endpoint.quota, ledger, space, events)
        parts = (source, store, ledger, manager, embedder, chunker, quota)
        flow = Flow(settings, *parts, None, [], events, Gauges())
        await ledger.start_run(run_id, 1)
        await flow.run(Stop(), allow_mass_delete=False, reread=False)
        await ledger.end_run(run_id, complete=True)


async def main() -> None:
    """A first run, one with nothing to do, and one after an edit and a removal."""
    registry.FORMATS = (*registry.FORMATS, TOY)  # type: ignore[assignment]
    source, store, ledger, service = MemorySource(), MemoryStore(), MemoryLedger(), ToyService()
    for number in range(4):
        text = f"Title {number}\n---\nShip {number} lies at quay {number}.\n"
        source.put(f"harbour/{number}.toy", text.encode())
    found = []
    async with service.serve() as port:
        toy = ToyProvider(port)
        PROVIDERS[toy.name] = toy
        settings = Settings.model_validate(
            {
                "embedding_provider": toy.name,
                "google_api_key": "open-sesame",
                "embedding_model": MODEL,
                "embedding_dimensions": 128,
                "chroma_host": None,
                "log_dir": Path(),
            }
        )
        for change in range(3):
            if change == 2:
                source.put("harbour/0.toy", b"Title 0\n---\nShip 0 has left.\n")
                del source.files["harbour/1.toy"]
            await ingest(settings, source, store, ledger, f"run-{change}")
            sent = sum(len(call) for call in service.calls)
            texts = sorted(row.text for row in store.rows.values())
            found.append({"texts": texts, "sent": sent, "reads": len(source.reads)})
    imported = [name for name in REAL if name in sys.modules]
    sys.stdout.buffer.write(orjson.dumps({"runs": found, "imported": imported}))


if __name__ == "__main__":
    anyio.run(main)
