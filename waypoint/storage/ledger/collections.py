"""The collections the ledger speaks of, and what they should hold."""

from __future__ import annotations

from waypoint.storage.ledger.file import LedgerFile, with_ballast
from waypoint.storage.ledger.records import LedgerCollection


class Collections(LedgerFile):
    """The collections that the documents are in."""

    def collection(self, name: str) -> LedgerCollection | None:
        """The collection of that name, as the ledger knows it."""
        with self._translated():
            row = self._db.execute(
                "SELECT id, name, store_id, generation, root, suspect, selection"
                " FROM collections"
                " WHERE name = ?",
                (name,),
            ).fetchone()
        if row is None:
            return None
        number, own, store_id, generation, root, suspect, selection = row
        return LedgerCollection(number, own, store_id, generation, root, bool(suspect), selection)

    def adopt_collection(
        self, name: str, *, store_id: str, generation: int, root: str, selection: str = ""
    ) -> LedgerCollection:
        """Describe this collection from now on; documents of an earlier one become incomplete."""
        with self._transaction() as db:
            db.execute(
                """INSERT INTO collections (name, store_id, generation, root, selection)
                VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE
                SET store_id = excluded.store_id, generation = excluded.generation,
                root = excluded.root, selection = excluded.selection""",
                (name, store_id, generation, root, selection),
            )
            db.execute(
                "UPDATE documents SET complete = 0"
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

    @with_ballast
    def suspect_collections(self) -> None:
        """Note that whoever wrote to the store's files was killed: any index may be damaged."""
        with self._transaction() as db:
            db.execute("UPDATE collections SET suspect = 1")

    def trust_collection(self, collection: int) -> None:
        """Note that its index works."""
        with self._transaction() as db:
            db.execute("UPDATE collections SET suspect = 0 WHERE id = ?", (collection,))

    def start_filling(self, collection: int) -> bool:
        """Note that a run begins to fill it; returns whether an earlier one left it unfinished."""
        with self._transaction() as db:
            row = db.execute(
                "SELECT unfinished FROM collections WHERE id = ?", (collection,)
            ).fetchone()
            db.execute("UPDATE collections SET unfinished = 1 WHERE id = ?", (collection,))
        return bool(row[0])

    def set_origin(
        self, collection: int, generation: int, root: str, selection: str, *, reread: bool
    ) -> None:
        """Note what it is made from, from that generation on.

        ``reread``: its files say something else now, so that its documents become incomplete.
        """
        with self._transaction() as db:
            db.execute(
                "UPDATE collections SET generation = ?, root = ?, selection = ? WHERE id = ?",
                (generation, root, selection, collection),
            )
            if reread:
                db.execute(
                    "UPDATE documents SET complete = 0 WHERE collection_id = ?", (collection,)
                )

    def clear_collection(self, name: str, root: str, selection: str = "") -> None:
        """Forget its documents and rejects: it is to be filled anew.

        Its vectors stay committed, and are not unused until a run has completed the collection.
        """
        with self._transaction() as db:
            db.execute("DELETE FROM collections WHERE name = ?", (name,))
            db.execute(
                """INSERT INTO collections
                (name, store_id, generation, root, selection, unfinished)
                VALUES (?, '', 0, ?, ?, 1)""",
                (name, root, selection),
            )

    def chunk_count(self, collection: int) -> int | None:
        """Chunks that the collection should hold; None while a document is incomplete."""
        with self._translated():
            total, incomplete = self._db.execute(
                "SELECT coalesce(sum(chunk_count), 0), coalesce(sum(NOT complete), 0)"
                " FROM documents WHERE collection_id = ?",
                (collection,),
            ).fetchone()
            rejected = self._db.execute(
                "SELECT count(*) FROM rejects WHERE collection_id = ? AND chunk_id != ''",
                (collection,),
            ).fetchone()[0]
        return None if incomplete else int(total) - int(rejected)

    def uncommitted_chunks(self, collection: int) -> int:
        """Chunks of its documents, as they last were, whose vectors are not here."""
        with self._translated():
            row = self._db.execute(
                """SELECT count(*) FROM documents JOIN chunks ON document_id = documents.id
                WHERE collection_id = ?
                AND NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.text_key = chunks.text_key)""",
                (collection,),
            ).fetchone()
        return int(row[0])
