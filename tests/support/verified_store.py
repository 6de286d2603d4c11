"""A store that was ingested, to be damaged by Chroma's own client and verified in this process."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chromadb
import orjson

from tests.support.chroma_servers import private_server
from tests.support.collection import SIMULATED
from tests.support.corpus import write_corpus
from waypoint.cli.ingestion import run_ingestion
from waypoint.cli.verification import VerifyCommand, VerifyRequest
from waypoint.ingestion.options import IngestOptions
from waypoint.settings import load_settings
from waypoint.storage.ledger import LEDGER_NAME


def move_root(store: Path, knowledge_base: Path) -> None:
    """Note in a copied store that its collections are made from that folder."""
    root = str(knowledge_base.resolve())
    for database, statement in (
        (LEDGER_NAME, "UPDATE collections SET root = ?"),
        (
            "chroma.sqlite3",
            "UPDATE collection_metadata SET str_value = ? WHERE key = 'waypoint_root'",
        ),
    ):
        with closing(sqlite3.connect(store / database)) as db, db:
            db.execute(statement, (root,))


@dataclass(frozen=True, slots=True)
class VerifiedStore:
    """A folder with a knowledge base, a store and logs. ``options``: settings beside these."""

    folder: Path

    @property
    def knowledge_base(self) -> Path:
        return self.folder / "knowledge base"

    @property
    def store(self) -> Path:
        return self.folder / "chroma_db"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def options(self) -> dict[str, Any]:
        """What both commands are given."""
        return {
            "knowledge_base_path": self.knowledge_base,
            "chroma_persist_path": self.store,
            "log_dir": self.logs,
        }

    def make(self, *, documents: int, sections: int) -> None:
        """Write a corpus, a chunk for each section, and ingest it by the simulator."""
        write_corpus(self.knowledge_base, documents=documents, sections=sections)
        assert self.ingest() == 0

    def copy_to(self, folder: Path) -> VerifiedStore:
        """A copy to be damaged; its folder counts as the one that was ingested."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        copy = VerifiedStore(folder)
        move_root(copy.store, copy.knowledge_base)
        return copy

    def ingest(self) -> int:
        """Ingest the folder; the exit code."""
        return run_ingestion(load_settings(**self.options), IngestOptions(simulate=True))

    def verify(self, **request: Any) -> tuple[int, dict[str, Any]]:
        """Verify; the exit code and the report, which must be there."""
        before = set(self.logs.glob("verify-*.json"))
        code = VerifyCommand(load_settings(**self.options), VerifyRequest(**request)).run()
        (written,) = set(self.logs.glob("verify-*.json")) - before
        report: dict[str, Any] = orjson.loads(written.read_bytes())
        return code, report

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Chroma's own client, at a server over the store."""
        with private_server(self.store) as port:
            yield chromadb.HttpClient(host="127.0.0.1", port=port)

    @contextmanager
    def collection(self) -> Iterator[Any]:
        """The collection, through that client."""
        with self.client() as client:
            yield client.get_collection(SIMULATED, embedding_function=None)

    @contextmanager
    def ledger(self) -> Iterator[sqlite3.Connection]:
        """The ledger's tables."""
        with closing(sqlite3.connect(self.store / LEDGER_NAME)) as db, db:
            yield db


def statuses(report: dict[str, Any]) -> dict[str, str]:
    """How each check came out."""
    return {check["name"]: check["status"] for check in report["checks"]}


def failing(report: dict[str, Any]) -> set[str]:
    """Names of the checks that failed."""
    return {name for name, status in statuses(report).items() if status == "FAIL"}
