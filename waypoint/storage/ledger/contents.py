"""What the ledger says of one collection, read page by page; and what is wrong put right."""

from __future__ import annotations

from collections.abc import Sequence

from waypoint.models import TextKey
from waypoint.storage.ledger.file import LedgerFile
from waypoint.storage.ledger.records import LastRun, LedgerDocument, LedgerReject, Spending

PAGE = 5_000
"""Rows a page."""


class Contents(LedgerFile):
    """The ledger's rows about a collection, by its id in the ledger."""

    def documents_page(self, collection: int, after: int) -> list[LedgerDocument]:
        """The next documents; ``after``: the last id of the page before, 0 to begin."""
        with self._translated():
            rows = self._db.execute(
                """SELECT id, source, complete, version, digest, chunk_count,
                    sidecars, sidecar_digest
                FROM documents WHERE collection_id = ? AND id > ? ORDER BY id LIMIT ?""",
                (collection, after, PAGE),
            ).fetchall()
        return [LedgerDocument(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]

    def chunks_page(self, document: int, after: str) -> list[tuple[str, TextKey]]:
        """The next chunks of a document, with their text keys; ``after``: the last id before."""
        with self._translated():
            return self._db.execute(
                """SELECT chunk_id, text_key FROM chunks
                WHERE document_id = ? AND chunk_id > ? ORDER BY chunk_id LIMIT ?""",
                (document, after, PAGE),
            ).fetchall()

    def rejects_page(self, collection: int, after: tuple[str, str]) -> list[LedgerReject]:
        """The next rejects; ``after``: source and chunk id of the last one before."""
        with self._translated():
            rows = self._db.execute(
                """SELECT source, chunk_id, reason FROM rejects
                WHERE collection_id = ? AND (source, chunk_id) > (?, ?)
                ORDER BY source, chunk_id LIMIT ?""",
                (collection, *after, PAGE),
            ).fetchall()
        return [LedgerReject(*row) for row in rows]

    def raw_vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, bytes]:
        """The bytes kept for those of the committed texts, not checked."""
        return dict(
            self._of_keys("SELECT text_key, vector FROM vectors WHERE text_key IN ({})", keys)
        )

    def last_run(self) -> LastRun | None:
        """The latest run; None if there was none."""
        with self._translated():
            row = self._db.execute(
                "SELECT run_id, started, ended, complete FROM runs ORDER BY started DESC LIMIT 1"
            ).fetchone()
        return LastRun(row[0], row[1], row[2], bool(row[3])) if row else None

    def spending(self) -> list[Spending]:
        """What was embedded, by model."""
        with self._translated():
            rows = self._db.execute(
                """SELECT provider, model, sum(texts), sum(tokens), sum(cost_usd)
                FROM usage GROUP BY provider, model ORDER BY provider, model"""
            ).fetchall()
        return [Spending(*row) for row in rows]
