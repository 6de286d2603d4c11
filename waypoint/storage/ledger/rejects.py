"""What cannot be ingested, for as long as it stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from waypoint.storage.ledger.file import LedgerFile, in_scope, lies_in
from waypoint.storage.ledger.records import RejectedItem


class Rejects(LedgerFile):
    """Documents and chunks that stand rejected."""

    def reject(self, collection: int, source: str, reason: str, hint: str = "") -> None:
        """Note that a file or a document cannot be ingested. Its older version, if any, stays."""
        self.reject_all(collection, [(source, reason, hint)])

    def reject_all(self, collection: int, rejects: Sequence[tuple[str, str, str]]) -> None:
        """The same for several at once; each is a source, the reason and the hint."""
        with self._transaction() as db:
            # They are to be read again next time, also if the version is then the one that is
            # complete: the hindrance may have been the file system's.
            db.executemany(
                "UPDATE documents SET version = ''"
                " WHERE collection_id = ? AND (source = ? OR file = ?)",
                [(collection, source, source) for source, _, _ in rejects],
            )
            db.executemany(
                "INSERT OR REPLACE INTO rejects (collection_id, source, chunk_id, reason, hint)"
                " VALUES (?, ?, '', ?, ?)",
                [(collection, *reject) for reject in rejects],
            )

    def clear_rejects(self, collection: int, files: Sequence[str]) -> None:
        """Forget that files of several documents could not be read: now they were."""
        with self._transaction() as db:
            db.executemany(
                "DELETE FROM rejects WHERE collection_id = ? AND source = ? AND chunk_id = ''",
                [(collection, file) for file in files],
            )

    def _clear_rejects(self, db: sqlite3.Connection, collection: int, source: str) -> None:
        db.execute(
            "DELETE FROM rejects WHERE collection_id = ? AND source = ?", (collection, source)
        )

    def clear_vanished_rejects(
        self, collection: int, scope: str, unreadable: Sequence[str] = ()
    ) -> None:
        """Forget rejects of files that are gone; what lies in unreadable folders is not."""
        with self._transaction() as db:
            query = f"""SELECT DISTINCT source FROM rejects WHERE collection_id = ?1
                AND {in_scope("?2")} AND source NOT IN
                (SELECT source FROM documents WHERE collection_id = ?1)"""  # noqa: S608
            gone = [
                source
                for sources in self._sources(query, collection, scope)
                for source in self._seen.lacks(sources)
                if not lies_in(source, unreadable)
            ]
            db.executemany(
                "DELETE FROM rejects WHERE collection_id = ? AND source = ?",
                [(collection, source) for source in gone],
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

    def rejects(self) -> Iterator[RejectedItem]:
        """Everything that stands rejected, by collection, source and chunk.

        Read row by row: the ledger is not to be written before the last one.
        """
        with self._translated():
            rows = self._db.execute(
                """SELECT name, source, chunk_id, reason, hint
                FROM rejects JOIN collections ON collections.id = collection_id
                ORDER BY name, source, chunk_id"""
            )
            for row in rows:
                yield RejectedItem(*row)
