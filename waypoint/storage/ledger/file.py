"""The ledger's file: how it is opened, and how its failures are told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from waypoint.errors import LedgerDamagedError, LedgerError, StoreWriteError
from waypoint.storage.ledger.schema import migrate

LEDGER_NAME = "waypoint.sqlite3"

KEYS_PER_QUERY = 500
"""SQLite takes at most 32,766 parameters; a few hundred are as fast as more."""


def lies_in(source: str, folders: Sequence[str]) -> bool:
    """Whether one of the folders holds it; an empty name is the knowledge base itself."""
    return any(not folder or source.startswith(f"{folder}/") for folder in folders)


class LedgerFile:
    """The file, open until :meth:`close`.

    Raises:
        LedgerError: the file is not a ledger, is damaged, or is newer than this Waypoint.
        StoreWriteError: the disk is full or the folder read-only.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER_NAME
        with self._translated():
            # One thread at a time uses the connection, but not always the same one.
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        # A vector of 768 dimensions takes 3 KB: pages of 4 KB would each waste a quarter.
        self._db.execute("PRAGMA page_size=16384")
        # EXCLUSIVE before WAL keeps the index in memory: mounts of Docker Desktop have
        # no shared memory. The store's lock makes us the only one anyway.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        migrate(self._db)
        # On disk, so that memory does not grow with the number of files.
        self._db.execute("PRAGMA temp_store=FILE")
        self._db.execute("CREATE TEMP TABLE seen (source TEXT PRIMARY KEY) WITHOUT ROWID")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            # SQLite quotes the file in its message: bytes that are no text.
            raise self._damaged("its schema cannot be read") from error
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is None:
                # From Python's own module: a text that is not UTF-8.
                raise self._damaged(str(error)) from error
            if code & 0xFF in (
                sqlite3.SQLITE_FULL,
                sqlite3.SQLITE_READONLY,
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_IOERR,
            ):
                raise StoreWriteError(
                    f"cannot write the ledger {self.path}: {error}",
                    hint="free disk space or make the folder writable, then run again",
                ) from error
            raise LedgerError(f"the ledger {self.path} failed: {error}") from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, reason: str) -> LedgerDamagedError:
        return LedgerDamagedError(
            f"the ledger {self.path} is damaged: {reason}",
            hint="run again: it is set aside, and what Chroma holds is taken into a new one",
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # On a full disk SQLite may have rolled back by itself.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
