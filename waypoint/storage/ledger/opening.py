"""How the SQLite ledger of a store's folder is opened."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from waypoint.storage.ledger import LEDGER_NAME
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.thread import open_ledger
from waypoint.storage.sqlite_files import collection_names, database_files


class Sqlite:
    """A ``LedgerKind``."""

    def exists(self, folder: Path) -> bool:
        return (folder / LEDGER_NAME).exists()

    def open(self, folder: Path) -> AbstractAsyncContextManager[Ledger]:
        return open_ledger(folder)

    def files(self, folder: Path) -> list[Path]:
        """With its write-ahead log."""
        return database_files(folder / LEDGER_NAME)

    def collections(self, folder: Path) -> list[str]:
        return collection_names(folder / LEDGER_NAME) or []
