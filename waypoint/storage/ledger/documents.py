"""Documents: started before their first write, complete after their last."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import orjson

from waypoint.models import Document
from waypoint.storage.ledger.records import CompleteDocument
from waypoint.storage.ledger.rejects import Rejects


class Documents(Rejects):
    """The documents of each collection."""

    def start_documents(self, collection: int, sources: Sequence[str]) -> None:
        """Mark documents as started: from now on the store may hold parts of them."""
        with self._transaction() as db:
            db.executemany(
                """INSERT INTO documents (collection_id, source, complete, digest, chunk_count,
                    file)
                VALUES (?, ?, 0, '', 0, ?)
                ON CONFLICT (collection_id, source) DO UPDATE SET complete = 0""",
                [(collection, source, source) for source in sources],
            )

    def complete_documents(self, collection: int, documents: Sequence[CompleteDocument]) -> None:
        """Mark documents as complete: the store holds exactly these chunks of them."""
        with self._transaction() as db:
            for each in documents:
                self._complete(db, collection, each)

    def _complete(self, db: sqlite3.Connection, collection: int, whole: CompleteDocument) -> None:
        document, file = whole.document, whole.document.file
        (document_id,) = db.execute(
            """INSERT INTO documents (collection_id, source, complete, version, digest,
                chunk_count, file, file_documents, warnings, reader, sidecars, sidecar_digest)
            VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (collection_id, source) DO UPDATE SET complete = 1,
                version = excluded.version, digest = excluded.digest,
                chunk_count = excluded.chunk_count, file = excluded.file,
                file_documents = excluded.file_documents, warnings = excluded.warnings,
                reader = excluded.reader, sidecars = excluded.sidecars,
                sidecar_digest = excluded.sidecar_digest RETURNING id""",
            (
                collection, document.source, file.version, document.digest, len(whole.chunks),
                file.source, whole.siblings, _packed(document.warnings), document.reader,
                file.sidecar_version, document.sidecar_digest,
            ),
        ).fetchone()  # fmt: skip
        db.execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))
        db.executemany(
            "INSERT INTO chunks VALUES (?, ?, ?)",
            [(document_id, chunk_id, key) for chunk_id, key in whole.chunks],
        )
        self._clear_rejects(db, collection, document.source)
        db.executemany(
            "INSERT INTO rejects (collection_id, source, chunk_id, reason) VALUES (?, ?, ?, ?)",
            [(collection, document.source, *reject) for reject in whole.rejects.items()],
        )

    def refresh_documents(
        self, collection: int, documents: Sequence[Document], siblings: Sequence[int] | None = None
    ) -> None:
        """Note the new version, and the warnings, of documents that are what they were.

        ``siblings``: for each, how many documents its file has; one, if nothing is said.
        What kept one from being read meanwhile is over; its chunks' rejects stand.
        """
        with self._transaction() as db:
            db.executemany(
                """UPDATE documents SET version = ?, file = ?, file_documents = ?, warnings = ?,
                    sidecars = ?
                WHERE collection_id = ? AND source = ?""",
                [
                    (
                        document.file.version, document.file.source, of,
                        _packed(document.warnings), document.file.sidecar_version, collection,
                        document.source,
                    )
                    for document, of in zip(
                        documents, siblings or [1] * len(documents), strict=True
                    )
                ],
            )  # fmt: skip
            db.executemany(
                "DELETE FROM rejects WHERE collection_id = ? AND source = ? AND chunk_id = ''",
                [(collection, document.source) for document in documents],
            )

    def forget_documents(self, collection: int, sources: Sequence[str]) -> None:
        """Forget documents whose chunks are deleted."""
        with self._transaction() as db:
            for source in sources:
                db.execute(
                    "DELETE FROM documents WHERE collection_id = ? AND source = ?",
                    (collection, source),
                )
                self._clear_rejects(db, collection, source)


def _packed(warnings: Sequence[str]) -> str:
    return orjson.dumps(warnings).decode() if warnings else ""
