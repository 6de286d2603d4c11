"""What the ledger holds, for a person who wants to know or to make room."""

from __future__ import annotations

from waypoint.storage.ledger.file import LedgerFile
from waypoint.storage.ledger.records import CachedCollection, CachedSpace
from waypoint.storage.ledger.refused import UNUSED_TEXT

_UNUSED = "NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.text_key = vectors.text_key)"


class Cache(LedgerFile):
    """Figures over everything, and the one way to drop committed vectors."""

    def cached_spaces(self) -> list[CachedSpace]:
        """Vectors by embedding space."""
        with self._translated():
            rows = self._db.execute(
                f"""SELECT provider, model, dimensions, task_type, count(*), sum({_UNUSED})
                FROM vectors JOIN spaces ON space_id = spaces.id
                GROUP BY space_id ORDER BY provider, model, dimensions"""  # noqa: S608
            ).fetchall()
        return [CachedSpace(*row) for row in rows]

    def cached_collections(self) -> list[CachedCollection]:
        """Collections by name."""
        with self._translated():
            rows = self._db.execute(
                """SELECT name, root,
                    (SELECT count(*) FROM documents WHERE collection_id = c.id),
                    (SELECT count(*) FROM documents
                        WHERE collection_id = c.id AND NOT complete),
                    (SELECT coalesce(sum(chunk_count), 0) FROM documents
                        WHERE collection_id = c.id),
                    (SELECT count(*) FROM rejects WHERE collection_id = c.id), selection
                FROM collections AS c ORDER BY name"""
            ).fetchall()
        return [CachedCollection(*row) for row in rows]

    def unfinished_collections(self) -> list[str]:
        """Names of those that a run has started to fill, or documents of, and not completed."""
        with self._translated():
            rows = self._db.execute(
                """SELECT name FROM collections AS c WHERE unfinished OR EXISTS
                    (SELECT 1 FROM documents WHERE collection_id = c.id AND NOT complete)
                ORDER BY name"""
            ).fetchall()
        return [name for (name,) in rows]

    def cached_refusals(self) -> int:
        """Texts that stand refused, whatever their model."""
        with self._translated():
            return int(self._db.execute("SELECT count(*) FROM refused_texts").fetchone()[0])

    def prune_unused(self) -> int:
        """Drop the vectors that no collection uses, and give their room back to the disk.

        With them go the refused texts that no document holds. Returns the number of vectors.
        """
        with self._transaction() as db:
            db.execute(f"DELETE FROM refused_texts WHERE {UNUSED_TEXT}")  # noqa: S608
            dropped = db.execute(f"DELETE FROM vectors WHERE {_UNUSED}").rowcount  # noqa: S608
        with self._translated():
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return int(dropped)
