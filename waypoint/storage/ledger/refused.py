"""Texts that the service refuses as such: not sent again, in whatever document they stand."""

from __future__ import annotations

import time
from collections.abc import Sequence

from waypoint.models import TextKey
from waypoint.storage.ledger.file import LedgerFile, in_scope, with_ballast

UNUSED_TEXT = "NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.text_key = refused_texts.text_key)"
"""No document of any collection holds the text."""

_IN_SCOPE = (
    "rejects.collection_id = (SELECT id FROM collections WHERE name = :name)"  # noqa: S608
    f" AND rejects.chunk_id != '' AND {in_scope(':scope', 'rejects.source')}"
)


class RefusedTexts(LedgerFile):
    """The refused texts, shared by all collections: a text key names its model."""

    @with_ballast
    def refuse_text(self, key: TextKey, reason: str) -> None:
        """Note that the service refuses this text, whoever asks."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO refused_texts VALUES (?, ?, ?)", (key, reason, time.time())
            )

    def refused_texts(self, keys: Sequence[TextKey]) -> dict[TextKey, str]:
        """Those of the texts that stand refused, with the reason."""
        query = "SELECT text_key, reason FROM refused_texts WHERE text_key IN ({})"
        return dict(self._of_keys(query, keys))

    def retry_rejects(self, name: str, scope: str) -> int:
        """Let rejected chunks of a collection be tried again; returns how many there are.

        Their texts are no longer refused, nor are those that no document holds (a run may have
        died before it could say whose they are), and their documents become incomplete: what is
        in the collection stays, what is missing is looked up again.

        ``scope``: only sources that begin with it; of the first root, if it is empty.
        """
        values = {"name": name, "scope": scope}
        with self._transaction() as db:
            (rejected,) = db.execute(
                f"SELECT count(*) FROM rejects WHERE {_IN_SCOPE}",  # noqa: S608
                values,
            ).fetchone()
            db.execute(
                f"""DELETE FROM refused_texts WHERE {UNUSED_TEXT} OR text_key IN (
                    SELECT chunks.text_key FROM rejects
                    JOIN documents ON documents.collection_id = rejects.collection_id
                        AND documents.source = rejects.source
                    JOIN chunks ON document_id = documents.id AND chunks.chunk_id = rejects.chunk_id
                    WHERE {_IN_SCOPE})""",  # noqa: S608
                values,
            )
            db.execute(
                f"""UPDATE documents SET complete = 0 WHERE (collection_id, source) IN (
                    SELECT collection_id, source FROM rejects WHERE {_IN_SCOPE})""",  # noqa: S608
                values,
            )
        return int(rejected)
