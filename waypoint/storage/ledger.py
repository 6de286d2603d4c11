"""The ledger: which documents are begun and done, and every vector that was paid for.

One SQLite file beside the store, in WAL mode and with ``synchronous=FULL``: what a commit
has returned from survives the process and the machine. All methods are synchronous and
belong on the ledger's own thread: see :class:`waypoint.storage.ledger_thread.LedgerThread`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from waypoint.errors import LedgerDamagedError, LedgerError, StoreWriteError
from waypoint.models import Document, EmbeddingSpace, SourceFile, TextKey, Vector, Vectors
from waypoint.storage.ledger_schema import migrate

LEDGER_NAME = "waypoint.sqlite3"

RACY_NS = 2_000_000_000
"""A file whose mtime lies this close before our reading may have been edited since without a
change of size or mtime: it is read again."""

_KEYS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """What the ledger holds of a document from an earlier run."""

    digest: str
    chunk_count: int
    done: bool


@dataclass(frozen=True, slots=True)
class LedgerCollection:
    """The collection that the ledger's documents describe."""

    id: int
    name: str
    chroma_id: str
    generation: int
    root: str


@dataclass(frozen=True, slots=True)
class DoneDocument:
    """A document all of whose chunks Chroma has acknowledged."""

    document: Document
    chunks: Sequence[tuple[str, TextKey]]
    """Id and text key of each chunk."""
    rejects: Mapping[str, str]
    """Chunk id to reason, for chunks that cannot be embedded."""


class Ledger:
    """The ledger's file, open. ``with`` closes it.

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
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (
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
            raise LedgerDamagedError(
                f"the ledger {self.path} is damaged: {error}",
                hint="run again: it is set aside, and what Chroma holds is taken into a new one",
            ) from error

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

    # -- vectors ---------------------------------------------------------------------------

    def pay(
        self,
        space: EmbeddingSpace,
        keys: Sequence[TextKey],
        vectors: Vectors,
        *,
        tokens: int,
        cost_usd: float,
        day: str,
    ) -> None:
        """Commit the vectors of one answered call: from then on they are paid.

        ``vectors``: shape (len(keys), dimensions). ``day``: the service's, ISO 8601.
        """
        rows = np.ascontiguousarray(vectors, dtype="<f4")
        now = time.time()
        with self._transaction() as db:
            space_id = self._space_id(space)
            db.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)",
                [(key, space_id, row.tobytes(), now) for key, row in zip(keys, rows, strict=True)],
            )
            db.execute(
                """INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET texts = texts + excluded.texts,
                    tokens = tokens + excluded.tokens, cost_usd = cost_usd + excluded.cost_usd""",
                (day, space.provider, space.model, len(keys), tokens, cost_usd),
            )

    def take_back(self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector]) -> int:
        """Enter vectors that are stored but not in the ledger; returns how many were not."""
        now = time.time()
        with self._transaction() as db:
            space_id = self._space_id(space)
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)",
                [
                    (key, space_id, np.ascontiguousarray(vector, dtype="<f4").tobytes(), now)
                    for key, vector in vectors.items()
                ],
            )
            return db.total_changes - before

    def paid_vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, Vector]:
        """Those of the texts that are paid for, with their vectors."""
        found: dict[TextKey, Vector] = {}
        with self._translated():
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                some = keys[start : start + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(some))
                query = f"SELECT text_key, vector FROM vectors WHERE text_key IN ({marks})"  # noqa: S608
                for key, blob in self._db.execute(query, some):
                    found[key] = np.frombuffer(blob, dtype="<f4")
        return found

    def paid_keys(self, keys: Sequence[TextKey]) -> set[TextKey]:
        """Those of the texts that are paid for."""
        found: set[TextKey] = set()
        with self._translated():
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                some = keys[start : start + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(some))
                query = f"SELECT text_key FROM vectors WHERE text_key IN ({marks})"  # noqa: S608
                found.update(key for (key,) in self._db.execute(query, some))
        return found

    def texts_used(self, day: str, space: EmbeddingSpace) -> int:
        """Texts answered on that day for that provider and model."""
        with self._translated():
            row = self._db.execute(
                "SELECT texts FROM usage WHERE day = ? AND provider = ? AND model = ?",
                (day, space.provider, space.model),
            ).fetchone()
        return int(row[0]) if row else 0

    def _space_id(self, space: EmbeddingSpace) -> int:
        values = (space.provider, space.model, space.dimensions, space.task_type)
        self._db.execute(
            "INSERT OR IGNORE INTO spaces (provider, model, dimensions, task_type)"
            " VALUES (?, ?, ?, ?)",
            values,
        )
        row = self._db.execute(
            "SELECT id FROM spaces WHERE (provider, model, dimensions, task_type) = (?, ?, ?, ?)",
            values,
        ).fetchone()
        return int(row[0])

    # -- collections -----------------------------------------------------------------------

    def collection(self, name: str) -> LedgerCollection | None:
        """The collection of that name, as the ledger knows it."""
        with self._translated():
            row = self._db.execute(
                "SELECT id, name, chroma_id, generation, root FROM collections WHERE name = ?",
                (name,),
            ).fetchone()
        return LedgerCollection(*row) if row else None

    def adopt_collection(
        self, name: str, *, chroma_id: str, generation: int, root: str
    ) -> LedgerCollection:
        """Describe this collection from now on; documents of an earlier one count as begun."""
        with self._transaction() as db:
            db.execute(
                """INSERT INTO collections (name, chroma_id, generation, root) VALUES (?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE
                SET chroma_id = excluded.chroma_id, generation = excluded.generation""",
                (name, chroma_id, generation, root),
            )
            db.execute(
                "UPDATE documents SET state = 'begun'"
                " WHERE collection_id = (SELECT id FROM collections WHERE name = ?)",
                (name,),
            )
        adopted = self.collection(name)
        assert adopted is not None
        return adopted

    def set_generation(self, collection: int, generation: int) -> None:
        with self._transaction() as db:
            db.execute(
                "UPDATE collections SET generation = ? WHERE id = ?", (generation, collection)
            )

    def set_root(self, collection: int, root: str) -> None:
        with self._transaction() as db:
            db.execute("UPDATE collections SET root = ? WHERE id = ?", (root, collection))

    def forget_collection(self, name: str) -> None:
        """Forget its documents and rejects. What was paid for stays."""
        with self._transaction() as db:
            db.execute("DELETE FROM collections WHERE name = ?", (name,))

    # -- runs ------------------------------------------------------------------------------

    def start_run(self, run_id: str, most_in_flight: int) -> int:
        """Note that a run begins; returns how many texts killed runs before it had in flight.

        ``most_in_flight``: texts that may be in calls at once. Killed runs are told of once.
        """
        with self._transaction() as db:
            lost = db.execute("SELECT sum(most_in_flight) FROM runs WHERE ended IS NULL").fetchone()
            db.execute("UPDATE runs SET ended = started WHERE ended IS NULL")
            db.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, NULL, ?)",
                (run_id, time.time(), most_in_flight),
            )
        return int(lost[0] or 0)

    def end_run(self, run_id: str) -> None:
        """Note that a run came to an end of its own, good or bad."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET ended = ? WHERE run_id = ?", (time.time(), run_id))

    # -- documents -------------------------------------------------------------------------

    def sift(
        self, collection: int, files: Sequence[SourceFile]
    ) -> list[tuple[SourceFile, KnownDocument | None]]:
        """Those of the files that may have changed, each with what is known of it.

        All of them count as seen: what is never seen has vanished.
        """
        by_source = {file.source: file for file in files}
        changed: list[tuple[SourceFile, KnownDocument | None]] = []
        with self._translated():
            self.mark_seen(by_source)
            known = self._known(collection, list(by_source))
        for source, file in by_source.items():
            row = known.get(source)
            if row is None:
                changed.append((file, None))
                continue
            size, mtime_ns, ctime_ns, read_at_ns, digest, chunk_count, state = row
            same = (size, mtime_ns, ctime_ns) == (file.size, file.mtime_ns, file.ctime_ns)
            if state != "done" or not same or read_at_ns - file.mtime_ns < RACY_NS:
                changed.append((file, KnownDocument(digest, chunk_count, state == "done")))
        return changed

    def _known(
        self, collection: int, sources: Sequence[str]
    ) -> dict[str, tuple[int, int, int, int, str, int, str]]:
        known = {}
        for start in range(0, len(sources), _KEYS_PER_QUERY):
            some = sources[start : start + _KEYS_PER_QUERY]
            marks = ",".join("?" * len(some))
            query = (
                "SELECT source, size, mtime_ns, ctime_ns, read_at_ns, digest, chunk_count, state"  # noqa: S608
                f" FROM documents WHERE collection_id = ? AND source IN ({marks})"
            )
            for source, *rest in self._db.execute(query, (collection, *some)):
                known[source] = cast("tuple[int, int, int, int, str, int, str]", tuple(rest))
        return known

    def mark_seen(self, sources: Iterable[str]) -> None:
        """These sources exist, whether or not they can be ingested."""
        with self._translated():
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR IGNORE INTO seen VALUES (?)", [(source,) for source in sources]
            )
            self._db.execute("COMMIT")

    def vanished(self, collection: int, prefix: str, unreadable: Sequence[str]) -> list[str]:
        """Sources below ``prefix`` that were not seen, but for what lies in unreadable folders."""
        with self._translated():
            rows = self._db.execute(
                """SELECT source FROM documents
                WHERE collection_id = ? AND substr(source, 1, length(?)) = ?
                    AND source NOT IN (SELECT source FROM seen) ORDER BY source""",
                (collection, prefix, prefix),
            )
            return [
                source
                for (source,) in rows
                # The knowledge base itself is named by an empty string.
                if not any(not folder or source.startswith(f"{folder}/") for folder in unreadable)
            ]

    def samples(self, collection: int, count: int) -> dict[str, Vector]:
        """Ids of a few stored chunks, from first to last document, with their vectors."""
        with self._translated():
            documents = self._db.execute(
                """SELECT min(id), max(id) FROM documents
                WHERE collection_id = ? AND state = 'done' AND chunk_count > 0""",
                (collection,),
            ).fetchone()
            if documents[0] is None:
                return {}
            first, last = documents
            starts = {first + (last - first) * step // max(1, count - 1) for step in range(count)}
            found = {}
            for start in starts:
                row = self._db.execute(
                    """SELECT chunk_id, vector FROM documents
                    JOIN chunks ON document_id = documents.id JOIN vectors USING (text_key)
                    WHERE collection_id = ? AND state = 'done' AND documents.id >= ? LIMIT 1""",
                    (collection, start),
                ).fetchone()
                if row:
                    found[str(row[0])] = np.frombuffer(row[1], dtype="<f4")
        return found

    def document_count(self, collection: int, prefix: str = "") -> int:
        """Documents below ``prefix``, begun or done."""
        with self._translated():
            row = self._db.execute(
                "SELECT count(*) FROM documents"
                " WHERE collection_id = ? AND substr(source, 1, length(?)) = ?",
                (collection, prefix, prefix),
            ).fetchone()
        return int(row[0])

    def chunk_count(self, collection: int) -> int | None:
        """Chunks that the collection should hold; None while a document is only begun."""
        with self._translated():
            total, begun = self._db.execute(
                "SELECT coalesce(sum(chunk_count), 0), coalesce(sum(state = 'begun'), 0)"
                " FROM documents WHERE collection_id = ?",
                (collection,),
            ).fetchone()
            rejected = self._db.execute(
                "SELECT count(*) FROM rejects WHERE collection_id = ? AND chunk_id != ''",
                (collection,),
            ).fetchone()[0]
        return None if begun else int(total) - int(rejected)

    def begin(self, collection: int, sources: Sequence[str]) -> None:
        """Mark documents as begun: from now on Chroma may hold parts of them."""
        with self._transaction() as db:
            db.executemany(
                """INSERT INTO documents (collection_id, source, state, size, mtime_ns, ctime_ns,
                    read_at_ns, digest, chunk_count) VALUES (?, ?, 'begun', 0, 0, 0, 0, '', 0)
                ON CONFLICT (collection_id, source) DO UPDATE SET state = 'begun'""",
                [(collection, source) for source in sources],
            )

    def finish(self, collection: int, documents: Sequence[DoneDocument]) -> None:
        """Mark documents as done: Chroma holds exactly these chunks of them."""
        with self._transaction() as db:
            for done in documents:
                self._finish(db, collection, done)

    def _finish(self, db: sqlite3.Connection, collection: int, done: DoneDocument) -> None:
        document, file = done.document, done.document.file
        (document_id,) = db.execute(
            """INSERT INTO documents (collection_id, source, state, size, mtime_ns, ctime_ns,
                read_at_ns, digest, chunk_count) VALUES (?, ?, 'done', ?, ?, ?, ?, ?, ?)
            ON CONFLICT (collection_id, source) DO UPDATE SET state = 'done',
                size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,
                read_at_ns = excluded.read_at_ns, digest = excluded.digest,
                chunk_count = excluded.chunk_count RETURNING id""",
            (
                collection, document.source, file.size, file.mtime_ns, file.ctime_ns,
                document.read_at_ns, document.digest, len(done.chunks),
            ),
        ).fetchone()  # fmt: skip
        db.execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))
        db.executemany(
            "INSERT INTO chunks VALUES (?, ?, ?)",
            [(document_id, chunk_id, key) for chunk_id, key in done.chunks],
        )
        self._forgive(db, collection, document.source)
        db.executemany(
            "INSERT INTO rejects VALUES (?, ?, ?, ?)",
            [(collection, document.source, *reject) for reject in done.rejects.items()],
        )

    def touch(self, collection: int, documents: Sequence[Document]) -> None:
        """Note the new times of documents whose bytes are what they were.

        What kept one from being read meanwhile is over; its chunks' rejects stand.
        """
        with self._transaction() as db:
            db.executemany(
                """UPDATE documents SET size = ?, mtime_ns = ?, ctime_ns = ?, read_at_ns = ?
                WHERE collection_id = ? AND source = ?""",
                [
                    (
                        document.file.size, document.file.mtime_ns, document.file.ctime_ns,
                        document.read_at_ns, collection, document.source,
                    )
                    for document in documents
                ],
            )  # fmt: skip
            db.executemany(
                "DELETE FROM rejects WHERE collection_id = ? AND source = ? AND chunk_id = ''",
                [(collection, document.source) for document in documents],
            )

    def forget(self, collection: int, sources: Sequence[str]) -> None:
        """Forget documents whose chunks are deleted."""
        with self._transaction() as db:
            for source in sources:
                db.execute(
                    "DELETE FROM documents WHERE collection_id = ? AND source = ?",
                    (collection, source),
                )
                self._forgive(db, collection, source)

    # -- rejects ---------------------------------------------------------------------------

    def reject(self, collection: int, source: str, reason: str) -> None:
        """Note that a document cannot be ingested. Its older version, if any, stays."""
        with self._transaction() as db:
            # It is to be read again next time, also if its size and times are then those of
            # the version that is done: the hindrance may have been the file system's.
            db.execute(
                "UPDATE documents SET read_at_ns = 0 WHERE collection_id = ? AND source = ?",
                (collection, source),
            )
            db.execute(
                "INSERT OR REPLACE INTO rejects VALUES (?, ?, '', ?)", (collection, source, reason)
            )

    def _forgive(self, db: sqlite3.Connection, collection: int, source: str) -> None:
        db.execute(
            "DELETE FROM rejects WHERE collection_id = ? AND source = ?", (collection, source)
        )

    def forgive_unseen(self, collection: int, prefix: str) -> None:
        """Forget rejects of files that are gone."""
        with self._transaction() as db:
            db.execute(
                """DELETE FROM rejects WHERE collection_id = ?
                    AND substr(source, 1, length(?)) = ?
                    AND source NOT IN (SELECT source FROM seen)
                    AND source NOT IN (SELECT source FROM documents WHERE collection_id = ?)""",
                (collection, prefix, prefix, collection),
            )

    def standing_rejects(self, name: str) -> int:
        """Documents and chunks of the collection of that name that stand rejected."""
        with self._translated():
            row = self._db.execute(
                "SELECT count(*) FROM rejects"
                " WHERE collection_id = (SELECT id FROM collections WHERE name = ?)",
                (name,),
            ).fetchone()
        return int(row[0])
