"""What was seen of folder, ledger and collection, in a temporary database.

On disk, so that memory doesn't grow with the collection: a million chunks are some 300 MB of a
file that has no name and is gone with the connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from waypoint.models import (
    Discovery,
    FileReject,
    SkippedFile,
    SourceFile,
    TextKey,
    UnreadableFolder,
    WalkWarning,
)
from waypoint.storage.ledger.records import LedgerDocument, LedgerReject
from waypoint.storage.temporary import open_temporary, temporary_database
from waypoint.verification.ports import LedgerChunk

PAGE = 1_000
"""Rows handed out at once."""

_CACHE_KIB = 16 * 1024
_SEPARATOR = re.compile("[/#]")

_SCHEMA = """
CREATE TABLE files (
    source TEXT PRIMARY KEY, path TEXT, size INTEGER, version TEXT NOT NULL,
    rejected INTEGER NOT NULL,
    sidecar_version TEXT NOT NULL DEFAULT '', sidecars BLOB NOT NULL DEFAULT x''
) WITHOUT ROWID;
CREATE TABLE unreadable (folder TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE kept (source TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE documents (
    source TEXT PRIMARY KEY, file TEXT NOT NULL, complete INTEGER NOT NULL,
    version TEXT NOT NULL, digest TEXT, chunk_count INTEGER NOT NULL,
    sidecars TEXT, sidecar_digest TEXT
) WITHOUT ROWID;
CREATE INDEX documents_by_file ON documents (file);
CREATE TABLE rejects (
    source TEXT, chunk_id TEXT, file TEXT NOT NULL, PRIMARY KEY (source, chunk_id)
) WITHOUT ROWID;
CREATE TABLE expected (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, text_key BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE stored (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, times INTEGER NOT NULL DEFAULT 1,
    read INTEGER NOT NULL DEFAULT 0, source TEXT, file TEXT,
    chunk_index INTEGER, chunk_count INTEGER,
    hash BLOB, empty INTEGER
);
CREATE TABLE findings (
    number INTEGER PRIMARY KEY, check_name TEXT NOT NULL, id TEXT NOT NULL, source TEXT,
    what TEXT NOT NULL
);
CREATE INDEX findings_by_check ON findings (check_name);
CREATE TABLE marked (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE bad_keys (
    text_key BLOB PRIMARY KEY, tokens INTEGER NOT NULL, vector BLOB
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as it was read."""

    id: str
    source: str | None
    chunk_index: int | None
    chunk_count: int | None
    hash: bytes
    """16 bytes of the stored text's SHA-256: enough to tell duplicates."""
    empty: bool


class Inventory:
    """The temporary database. One thread at a time, not always the same.

    Raises:
        StoreWriteError: the temporary folder cannot be written or, ``DiskFullError``, is full.
    """

    def __init__(self) -> None:
        self._db = open_temporary(_SCHEMA, cache_kib=_CACHE_KIB)
        self._db.create_function("file_of", 1, self._file_of, deterministic=False)

    def close(self) -> None:
        self._db.close()

    # -- what was seen ---------------------------------------------------------------------

    def add_files(self, entries: Iterable[Discovery]) -> None:
        """Entries of the walk; what is left out by rule counts as not there, unless it stays."""
        for entry in entries:
            match entry:
                case SourceFile():
                    sidecars = orjson.dumps(entry.sidecars) if entry.sidecars else b""
                    row = (
                        entry.source, str(entry.path), entry.size, entry.version, 0,
                        entry.sidecar_version, sidecars,
                    )  # fmt: skip
                case FileReject():
                    row = (entry.source, "", 0, "", 1, "", b"")
                case UnreadableFolder():
                    self._run("INSERT OR IGNORE INTO unreadable VALUES (?)", entry.source)
                    continue
                case SkippedFile(stays=True):
                    self._run("INSERT OR IGNORE INTO kept VALUES (?)", entry.source)
                    continue
                case SkippedFile() | WalkWarning():
                    continue
            self._run("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", *row)

    def add_documents(self, documents: Iterable[LedgerDocument]) -> None:
        """After the files: a document belongs to the file whose name its source begins with."""
        self._many(
            "INSERT INTO documents VALUES (?, file_of(?), ?, ?, ?, ?, ?, ?)",
            [
                (
                    d.source, d.source, d.complete, d.version, d.digest, d.chunk_count,
                    d.sidecars, d.sidecar_digest,
                )
                for d in documents
            ],
        )  # fmt: skip

    def add_rejects(self, rejects: Iterable[LedgerReject]) -> None:
        self._many(
            "INSERT INTO rejects VALUES (?, ?, file_of(?))",
            [(reject.source, reject.chunk_id, reject.source) for reject in rejects],
        )

    def add_expected(self, chunks: Iterable[LedgerChunk]) -> None:
        """Chunks of documents that are complete; with those that are rejected."""
        self._many(
            "INSERT OR REPLACE INTO expected VALUES (?, ?, ?)",
            [(chunk.id, chunk.source, chunk.key) for chunk in chunks],
        )

    def add_ids(self, ids: Iterable[str]) -> None:
        """Ids as the collection lists them."""
        self._many(
            "INSERT INTO stored (id) VALUES (?) ON CONFLICT (id) DO UPDATE SET times = times + 1",
            [(chunk_id,) for chunk_id in ids],
        )

    def ids_page(self, after: int) -> tuple[list[str], int]:
        """The next ids in the collection's own order, and what to say for those after them."""
        rows = self._all(
            "SELECT position, id FROM stored WHERE position > ? ORDER BY position LIMIT ?",
            after,
            PAGE,
        )
        return [row[1] for row in rows], rows[-1][0] if rows else after

    def add_seen(self, records: Iterable[Seen]) -> None:
        """Records that were read."""
        self._many(
            """UPDATE stored SET read = 1, source = ?, chunk_index = ?, chunk_count = ?,
                hash = ?, empty = ? WHERE id = ?""",
            [(r.source, r.chunk_index, r.chunk_count, r.hash, r.empty, r.id) for r in records],
        )

    def expected_of(self, ids: Sequence[str]) -> dict[str, LedgerChunk]:
        """Those of the chunks that the ledger knows, by id."""
        marks = ",".join("?" * len(ids))
        query = f"SELECT id, source, text_key FROM expected WHERE id IN ({marks})"  # noqa: S608
        return {row[0]: LedgerChunk(*row) for row in self._all(query, *ids)}

    # -- findings --------------------------------------------------------------------------

    def find(self, check: str, chunk_id: str, what: str, source: str | None = None) -> None:
        """Note that something is wrong; ``chunk_id`` is empty where it is about a source."""
        self._run(
            "INSERT INTO findings (check_name, id, source, what) VALUES (?, ?, ?, ?)",
            check, chunk_id, source, what,
        )  # fmt: skip

    def mark_for_deletion(self, chunk_id: str) -> None:
        """The record has to be deleted and written again: it cannot be corrected in place."""
        self._run("INSERT OR IGNORE INTO marked VALUES (?)", chunk_id)

    def note_bad_key(self, key: TextKey, tokens: int, vector: bytes | None) -> None:
        """A vector that the ledger lacks or has damaged.

        ``tokens``: of its text, estimated; ``vector``: the collection's, if that one is whole.
        """
        self._run(
            """INSERT INTO bad_keys VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET vector = coalesce(vector, excluded.vector)""",
            key, tokens, vector,
        )  # fmt: skip

    def found(self, check: str) -> int:
        return int(self.value("SELECT count(*) FROM findings WHERE check_name = ?", check))

    def examples(self, check: str, limit: int) -> list[str]:
        """The first findings of a check, as they are told."""
        rows = self._all(
            """SELECT CASE id WHEN '' THEN coalesce(source, '') ELSE id END, what FROM findings
            WHERE check_name = ? ORDER BY number LIMIT ?""",
            check,
            limit,
        )
        return [f"{name}: {what}" for name, what in rows]

    # -- questions -------------------------------------------------------------------------

    def value(self, query: str, *values: Any) -> Any:
        """The one value of a query's one row."""
        with temporary_database():
            return self._db.execute(query, values).fetchone()[0]

    def rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """A query's rows, fetched as they are used; nothing may be written meanwhile."""
        with temporary_database():
            yield from self._db.execute(query, values)

    def write(self, statement: str, *values: Any) -> None:
        """Change the inventory itself."""
        self._run(statement, *values)

    def script(self, statements: str) -> None:
        """Change the inventory itself, by several statements."""
        with temporary_database():
            self._db.executescript(statements)

    def settle(self) -> None:
        """To be called once everything was seen: which file each record belongs to.

        A record that doesn't say its source has that of the ledger's chunk.
        """
        self._run(
            """UPDATE stored SET source = (SELECT source FROM expected AS e WHERE e.id = stored.id)
            WHERE source IS NULL"""
        )
        self._run("UPDATE stored SET file = file_of(source) WHERE source IS NOT NULL")
        self._run("CREATE INDEX stored_by_source ON stored (source)")
        self._run("CREATE INDEX stored_by_file ON stored (file)")

    def _file_of(self, source: str) -> str:
        """The file of a document: of ``file.jsonl#12`` and ``mail.eml/a.pdf``, which are none."""
        if self._is_file(source):
            return source
        for end in _SEPARATOR.finditer(source):
            if self._is_file(source[: end.start()]):
                return source[: end.start()]
        return source.partition("#")[0]

    def _is_file(self, source: str) -> bool:
        query = "SELECT 1 FROM files WHERE source = ?"
        return self._db.execute(query, (source,)).fetchone() is not None

    def _run(self, statement: str, *values: Any) -> None:
        with temporary_database():
            self._db.execute(statement, values)

    def _all(self, query: str, *values: Any) -> list[Any]:
        with temporary_database():
            return self._db.execute(query, values).fetchall()

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with temporary_database():
            self._db.execute("BEGIN")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
