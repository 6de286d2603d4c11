"""``ingest`` where every part that can be exchanged is another; run as a program.

Prints, as JSON, what it found and which of the libraries of the real parts were imported. Each
part is an entry in its table, and named by a setting: the rest is what the command runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
from anyio.from_thread import start_blocking_portal

from tests.support.memory_ledger import MemoryLedgerKind
from tests.support.memory_source import SHARED, MemoryKind, MemorySource
from tests.support.memory_store import MemoryStoreKind
from tests.support.toy_format import TOY
from tests.support.toy_provider import MODEL, ToyProvider, ToyService
from waypoint.cli.ingestion import run_ingestion
from waypoint.embedding.providers import PROVIDERS
from waypoint.formats import registry
from waypoint.ingestion import runtime
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.plan import make_plan
from waypoint.settings import Settings
from waypoint.sources.kinds import SOURCES
from waypoint.storage.ledgers import LEDGERS
from waypoint.storage.stores import STORES

REAL = ("chromadb", "google.genai", "sqlite3")


def main(folder: Path) -> None:
    """A plan; a first run, one with nothing to do, and one after an edit and a removal."""
    registry.FORMATS = (*registry.FORMATS, TOY)  # type: ignore[assignment]
    for table, kind in (
        (SOURCES, MemoryKind),
        (STORES, MemoryStoreKind),
        (LEDGERS, MemoryLedgerKind),
    ):
        table["memory"] = f"{kind.__module__}:{kind.__name__}"
    SHARED["harbour"] = source = MemorySource()
    for number in range(4):
        text = f"Title {number}\n---\nShip {number} lies at quay {number}.\n"
        source.put(f"harbour/{number}.toy", text.encode())
    service = ToyService()
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(service.serve()) as port,
    ):
        toy = ToyProvider(port)
        PROVIDERS[toy.name] = toy
        settings = Settings.model_validate(
            {
                "embedding_provider": toy.name,
                "google_api_key": "open-sesame",
                "embedding_model": MODEL,
                "embedding_dimensions": 128,
                "vector_store": "memory",
                "ledger_database": "memory",
                "knowledge_base_path": "memory://harbour",
                "chroma_persist_path": folder / "store",
                "log_dir": folder / "logs",
            }
        )
        options = IngestOptions()
        planned = runtime.run(make_plan, settings, options).texts_to_embed
        source.reads.clear()
        found = []
        for change in range(3):
            if change == 2:
                source.put("harbour/0.toy", b"Title 0\n---\nShip 0 has left.\n")
                del source.files["harbour/1.toy"]
            code = run_ingestion(settings, options)
            (collection,) = MemoryStoreKind.collections.named.values()
            texts = sorted(row.text for row in collection.rows.values())
            sent = sum(len(call) for call in service.calls)
            found.append({"code": code, "texts": texts, "sent": sent, "reads": len(source.reads)})
    imported = [name for name in REAL if name in sys.modules]
    # It keeps what it compares in a temporary file of SQLite's.
    from waypoint.cli.verification import VerifyCommand, VerifyRequest

    verified = VerifyCommand(settings, VerifyRequest(["integrity"])).run()
    told = {"planned": planned, "runs": found, "imported": imported, "verified": verified}
    sys.stdout.buffer.write(orjson.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
