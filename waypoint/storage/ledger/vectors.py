"""What was embedded: vectors by text key, texts and calls by day."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from waypoint.models import DayUse, EmbeddingSpace, TextKey, Vector, Vectors
from waypoint.storage.ledger.file import LedgerFile, with_ballast


class CommittedVectors(LedgerFile):
    """The vectors, whatever collection they are in."""

    @with_ballast
    def commit_vectors(
        self,
        space: EmbeddingSpace,
        keys: Sequence[TextKey],
        vectors: Vectors,
        *,
        tokens: int,
        cost_usd: float,
        day: str,
    ) -> None:
        """Commit the vectors of one answered call.

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
            self._count_use(space, len(keys), tokens=tokens, cost_usd=cost_usd, day=day)

    @with_ballast
    def count_lost(
        self, space: EmbeddingSpace, texts: int, *, tokens: int, cost_usd: float, day: str
    ) -> None:
        """Count a call that was answered and whose vectors could not be committed.

        The service counts it, and so do we.
        """
        with self._transaction():
            self._count_use(space, texts, tokens=tokens, cost_usd=cost_usd, day=day)

    def _count_use(
        self, space: EmbeddingSpace, texts: int, *, tokens: int, cost_usd: float, day: str
    ) -> None:
        self._db.execute(
            """INSERT INTO usage (day, provider, model, texts, tokens, cost_usd, calls)
            VALUES (?, ?, ?, ?, ?, ?, 1)
            ON CONFLICT DO UPDATE SET texts = texts + excluded.texts,
                tokens = tokens + excluded.tokens, cost_usd = cost_usd + excluded.cost_usd,
                calls = calls + 1""",
            (day, space.provider, space.model, texts, tokens, cost_usd),
        )

    def restore_vectors(self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector]) -> int:
        """Enter vectors that are stored but not in the ledger; returns how many were not."""
        with self._transaction():
            return self._enter(space, vectors)

    def _enter(self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector]) -> int:
        now, space_id = time.time(), self._space_id(space)
        before = self._db.total_changes
        self._db.executemany(
            "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)",
            [
                (key, space_id, np.ascontiguousarray(vector, dtype="<f4").tobytes(), now)
                for key, vector in vectors.items()
            ],
        )
        return self._db.total_changes - before

    def replace_vectors(
        self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector | None]
    ) -> None:
        """Put others in the place of damaged ones; None drops one: its text is sent again."""
        with self._transaction() as db:
            db.executemany("DELETE FROM vectors WHERE text_key = ?", [(key,) for key in vectors])
            self._enter(
                space, {key: vector for key, vector in vectors.items() if vector is not None}
            )

    def committed_vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, Vector]:
        """Those of the texts that are committed, with their vectors.

        Raises:
            LedgerDamagedError: a vector has not the dimensions of its space.
        """
        found: dict[TextKey, Vector] = {}
        query = """SELECT text_key, vector, dimensions FROM vectors
            JOIN spaces ON spaces.id = space_id WHERE text_key IN ({})"""
        for key, blob, dimensions in self._of_keys(query, keys):
            if not isinstance(blob, bytes) or len(blob) != 4 * dimensions:
                raise self._damaged(f"a vector has not {dimensions} dimensions")
            found[key] = np.frombuffer(blob, dtype="<f4")
        return found

    def committed_keys(self, keys: Sequence[TextKey]) -> set[TextKey]:
        """Those of the texts that are committed."""
        query = "SELECT text_key FROM vectors WHERE text_key IN ({})"
        return {key for (key,) in self._of_keys(query, keys)}

    def day_use(self, day: str, space: EmbeddingSpace) -> DayUse:
        """What was answered on that day for that provider and model."""
        with self._translated():
            row = self._db.execute(
                "SELECT texts - job_texts, calls FROM usage"
                " WHERE day = ? AND provider = ? AND model = ?",
                (day, space.provider, space.model),
            ).fetchone()
        return DayUse(*row) if row else DayUse()

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
