"""Batch jobs and the texts that wait for them: noted before anything is asked of the service."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from waypoint.models import EmbeddingSpace, TextKey, Vectors
from waypoint.storage.ledger.file import KEYS_PER_QUERY, LedgerFile, with_ballast
from waypoint.storage.ledger.records import (
    BatchJob,
    JobLimits,
    JobStage,
    PooledText,
    PoolSize,
    Settlement,
    WaitingTexts,
)
from waypoint.storage.ledger.vectors import CommittedVectors

UPLOAD_PAGE = 500
"""Texts that are read at once."""
MOST_FAILURES = 3
"""Jobs that may bring others' vectors but not a text's, until it is sent in a call."""

_JOB_COLUMNS = (
    "id", "account", "stage", "name", "twin_of", "texts", "tokens", "created", "submitted",
    "cancelled", "ended", "outcome", "committed", "cost_usd", "returned", "to_calls",
    "lost_texts", "lost_usd",
)  # fmt: skip
_JOB = f"""SELECT {", ".join(f"batch_jobs.{name}" for name in _JOB_COLUMNS)},
    provider, model, dimensions, task_type
    FROM batch_jobs JOIN spaces ON spaces.id = space_id"""  # noqa: S608
_SIZE = "SELECT count(*), coalesce(sum(tokens), 0) FROM batch_texts"


def new_job_id() -> str:
    """128 random bits: the job's display name and its input file's, whoever else uses the key."""
    return f"wp-{secrets.token_hex(16)}"


class Jobs(CommittedVectors, LedgerFile):
    """The pool of texts to be put into jobs, the jobs, and what became of each."""

    def jobs(self, *, live: bool) -> list[BatchJob]:
        """Those of which something is left to be done; or all, the latest last."""
        with self._translated():
            rows = self._db.execute(
                f"{_JOB} WHERE ? OR stage != ? ORDER BY created, batch_jobs.id",
                (not live, JobStage.ENDED),
            ).fetchall()
        return [
            BatchJob(*(*row[:2], JobStage(row[2]), *row[3:18], EmbeddingSpace(*row[18:])))
            for row in rows
        ]

    def waiting_texts(self, keys: Sequence[TextKey]) -> WaitingTexts:
        """Those of the texts that wait for a job, or wait for none any more."""
        in_job: set[TextKey] = set()
        pooled: set[TextKey] = set()
        for_calls: set[TextKey] = set()
        with self._translated():
            for start in range(0, len(keys), KEYS_PER_QUERY):
                some = keys[start : start + KEYS_PER_QUERY]
                marks = ",".join("?" * len(some))
                query = f"""SELECT text_key, job_id IS NOT NULL FROM batch_texts
                    WHERE text_key IN ({marks})"""  # noqa: S608
                for key, is_in_job in self._db.execute(query, some):
                    (in_job if is_in_job else pooled).add(key)
                query = f"""SELECT text_key FROM row_failures
                    WHERE jobs >= {MOST_FAILURES} AND text_key IN ({marks})"""  # noqa: S608
                for_calls.update(key for (key,) in self._db.execute(query, some))
        return WaitingTexts(in_job, pooled, for_calls)

    def pool_texts(self, space: EmbeddingSpace, texts: Iterable[PooledText]) -> None:
        """Put texts into the pool; one that waits already stays where it is."""
        with self._transaction() as db:
            space_id = self._space_id(space)
            db.executemany(
                "INSERT OR IGNORE INTO batch_texts (text_key, space_id, text, tokens)"
                " VALUES (?, ?, ?, ?)",
                [(each.key, space_id, each.text, each.tokens) for each in texts],
            )

    def take_pooled(self, keys: Sequence[TextKey]) -> set[TextKey]:
        """Take texts out of the pool, to be sent in calls; returns those that were still there."""
        query = "DELETE FROM batch_texts WHERE text_key = ? AND job_id IS NULL"
        with self._transaction() as db:
            return {key for key in keys if db.execute(query, (key,)).rowcount}

    def empty_pool(self) -> list[str]:
        """Forget what was never submitted; returns the jobs whose files may be at the service.

        A run puts into the pool what it wants itself: what an earlier one wanted may be gone.
        """
        stages = (JobStage.PREPARED, JobStage.UPLOADED)
        with self._transaction() as db:
            ids = [
                i for (i,) in db.execute("SELECT id FROM batch_jobs WHERE stage IN (?, ?)", stages)
            ]
            for job_id in ids:
                self._drop(job_id)
            db.execute("DELETE FROM batch_texts WHERE job_id IS NULL")
            db.execute("DELETE FROM row_failures WHERE text_key IN (SELECT text_key FROM vectors)")
        return ids

    def pool_size(self, space: EmbeddingSpace) -> PoolSize:
        """What waits to be put into a job."""
        with self._transaction() as db:
            query = f"{_SIZE} WHERE job_id IS NULL AND space_id = ?"
            return PoolSize(*db.execute(query, (self._space_id(space),)).fetchone())

    def prepare_job(
        self, space: EmbeddingSpace, account: str, limits: JobLimits
    ) -> BatchJob | None:
        """Claim texts of the pool for a new job, the last ones first; None if there are none.

        One is claimed even if it has more tokens than the limit. Calls take the pool's texts in
        the order of the folder, so that both meet in the middle.
        """
        with self._transaction() as db:
            space_id, job_id = self._space_id(space), new_job_id()
            rows = db.execute(
                "SELECT rowid, tokens FROM batch_texts WHERE job_id IS NULL AND space_id = ?"
                " ORDER BY rowid DESC LIMIT ?",
                (space_id, limits.texts),
            )
            claimed: list[tuple[str, int]] = []
            tokens = 0
            for rowid, each in rows.fetchall():
                if claimed and tokens + each > limits.tokens:
                    break
                claimed.append((job_id, rowid))
                tokens += each
            if not claimed:
                return None
            db.execute(
                "INSERT INTO batch_jobs (id, space_id, account, stage, texts, tokens, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (job_id, space_id, account, JobStage.PREPARED, len(claimed), tokens, time.time()),
            )
            db.executemany("UPDATE batch_texts SET job_id = ? WHERE rowid = ?", claimed)
        return self.job(job_id)

    def job(self, job_id: str) -> BatchJob:
        """One that there is."""
        return next(job for job in self.jobs(live=False) if job.id == job_id)

    def add_twin(self, job: BatchJob, name: str) -> None:
        """The service made another job of the request for ``job``: no text waits for it."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO batch_jobs"
                " (id, space_id, account, stage, name, twin_of, texts, tokens, created, submitted)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(new_job_id(), self._space_id(job.space), job.account, JobStage.SUBMITTED),
                    *(name, job.id, job.texts, job.tokens, time.time(), job.submitted),
                ),
            )

    def job_page(self, job_id: str, after: int) -> list[tuple[int, TextKey, str]]:
        """A page of a job's texts, each with its place; ``after``: the last place before it."""
        with self._translated():
            return self._db.execute(
                "SELECT rowid, text_key, text FROM batch_texts WHERE job_id = ? AND rowid > ?"
                " ORDER BY rowid LIMIT ?",
                (job_id, after, UPLOAD_PAGE),
            ).fetchall()

    def rename_job(self, job_id: str) -> BatchJob:
        """Give a job that was not submitted another name, since the service has its file."""
        renamed = new_job_id()
        with self._transaction() as db:
            db.execute("PRAGMA defer_foreign_keys=ON")
            db.execute("UPDATE batch_jobs SET id = ? WHERE id = ?", (renamed, job_id))
            db.execute("UPDATE batch_texts SET job_id = ? WHERE job_id = ?", (renamed, job_id))
        return self.job(renamed)

    def note_job(self, job_id: str, stage: JobStage, name: str = "") -> None:
        """A job has come so far; ``name``: the service's."""
        submitted = time.time() if stage is JobStage.SUBMITTING else None
        with self._transaction() as db:
            db.execute(
                "UPDATE batch_jobs SET stage = ?, name = coalesce(nullif(?, ''), name),"
                " submitted = coalesce(?, submitted) WHERE id = ?",
                (stage, name, submitted, job_id),
            )

    def note_cancelled(self, job_id: str) -> None:
        """A job is to be cancelled: noted before the service is asked to."""
        with self._transaction() as db:
            db.execute("UPDATE batch_jobs SET cancelled = ? WHERE id = ?", (time.time(), job_id))

    def drop_job(self, job_id: str) -> None:
        """It is certain that it was never made: its texts are in the pool again."""
        with self._transaction():
            self._drop(job_id)

    def unmake_job(self, job_id: str, outcome: str) -> None:
        """As ``drop_job``; but it is remembered, should the service make it late."""
        with self._transaction() as db:
            db.execute("UPDATE batch_texts SET job_id = NULL WHERE job_id = ?", (job_id,))
            db.execute(
                "UPDATE batch_jobs SET stage = ?, outcome = ?, ended = ?, returned = texts"
                " WHERE id = ?",
                (JobStage.ENDED, outcome, time.time(), job_id),
            )

    def job_texts(self, job_id: str, keys: Sequence[TextKey]) -> dict[TextKey, tuple[int, int]]:
        """Of those texts that wait for this job, tokens (estimated) and bytes of UTF-8."""
        found: dict[TextKey, tuple[int, int]] = {}
        with self._translated():
            for start in range(0, len(keys), KEYS_PER_QUERY):
                some = keys[start : start + KEYS_PER_QUERY]
                marks = ",".join("?" * len(some))
                query = f"""SELECT text_key, tokens, length(CAST(text AS BLOB)) FROM batch_texts
                    WHERE job_id = ? AND text_key IN ({marks})"""  # noqa: S608
                for key, tokens, size in self._db.execute(query, (job_id, *some)):
                    found[key] = tokens, size
        return found

    def texts_left(self, job_id: str) -> PoolSize:
        """What waits for this job still."""
        with self._translated():
            return PoolSize(*self._db.execute(f"{_SIZE} WHERE job_id = ?", (job_id,)).fetchone())

    @with_ballast
    def commit_rows(
        self,
        job: BatchJob,
        keys: Sequence[TextKey],
        vectors: Vectors,
        *,
        tokens: int,
        cost_usd: float,
        day: str,
    ) -> None:
        """Commit rows of a job's results: they wait no longer. Shape (len(keys), dimensions)."""
        rows = np.ascontiguousarray(vectors, dtype="<f4")
        now = time.time()
        with self._transaction() as db:
            space_id = self._space_id(job.space)
            db.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)",
                [(key, space_id, row.tobytes(), now) for key, row in zip(keys, rows, strict=True)],
            )
            db.executemany("DELETE FROM batch_texts WHERE text_key = ?", [(key,) for key in keys])
            db.execute(
                "UPDATE batch_jobs SET committed = committed + ?, cost_usd = cost_usd + ?"
                " WHERE id = ?",
                (len(keys), cost_usd, job.id),
            )
            self._count_job_use(job.space, PoolSize(len(keys), tokens), cost_usd, day)

    @with_ballast
    def settle_job(self, job: BatchJob, settlement: Settlement, day: str) -> BatchJob:
        """Nothing more comes of a job: what still waits for it is given back.

        Returns the job as it is now.
        """
        lost = settlement.lost
        with self._transaction() as db:
            if settlement.rows_failed or settlement.to_calls:
                db.execute(
                    "INSERT INTO row_failures SELECT text_key, ? FROM batch_texts WHERE job_id = ?"
                    " ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs",
                    (MOST_FAILURES if settlement.to_calls else 1, job.id),
                )
            db.executemany(
                "UPDATE row_failures SET jobs = ? WHERE text_key = ?",
                [(MOST_FAILURES, key) for key in settlement.refused],
            )
            to_calls = db.execute(
                "DELETE FROM batch_texts WHERE job_id = ? AND text_key IN"
                " (SELECT text_key FROM row_failures WHERE jobs >= ?)",
                (job.id, MOST_FAILURES),
            ).rowcount
            returned = db.execute(
                "UPDATE batch_texts SET job_id = NULL WHERE job_id = ?", (job.id,)
            ).rowcount
            db.execute(
                "UPDATE batch_jobs SET stage = ?, outcome = ?, returned = ?, to_calls = ?,"
                " lost_texts = ?, lost_usd = ?, ended = ? WHERE id = ?",
                (
                    *(JobStage.SETTLED, settlement.outcome, returned, to_calls),
                    *(lost.texts, settlement.lost_usd, time.time(), job.id),
                ),
            )
            if lost.texts:
                self._count_job_use(job.space, lost, settlement.lost_usd, day)
        return self.job(job.id)

    def take_over(self, damaged: Path) -> tuple[int, int]:
        """Take from a damaged ledger, as far as it can be read, its live jobs and their texts.

        Returns how many of each.
        """
        jobs, texts = _live_of(damaged)
        with self._transaction() as db:
            for job in jobs:
                space_id = self._space_id(EmbeddingSpace(*job[-4:]))
                marks = ",".join("?" * (len(_JOB_COLUMNS) + 1))
                db.execute(
                    f"INSERT OR IGNORE INTO batch_jobs ({','.join(_JOB_COLUMNS)}, space_id)"  # noqa: S608
                    f" VALUES ({marks})",
                    (*job[:-4], space_id),
                )
            db.executemany(
                "INSERT OR IGNORE INTO batch_texts (text_key, space_id, job_id, text, tokens)"
                " SELECT ?, space_id, id, ?, ? FROM batch_jobs WHERE id = ?",
                texts,
            )
        return len(jobs), len(texts)

    def _drop(self, job_id: str) -> None:
        self._db.execute("UPDATE batch_texts SET job_id = NULL WHERE job_id = ?", (job_id,))
        self._db.execute("DELETE FROM batch_jobs WHERE id = ?", (job_id,))

    def _count_job_use(
        self, space: EmbeddingSpace, size: PoolSize, cost_usd: float, day: str
    ) -> None:
        """Jobs have a quota of their own: the day's calls and texts are not theirs."""
        self._db.execute(
            """INSERT INTO usage (day, provider, model, texts, tokens, cost_usd, calls, job_texts)
            VALUES (?, ?, ?, ?, ?, ?, 0, ?)
            ON CONFLICT DO UPDATE SET texts = texts + excluded.texts,
                tokens = tokens + excluded.tokens, cost_usd = cost_usd + excluded.cost_usd,
                job_texts = job_texts + excluded.job_texts""",
            (day, space.provider, space.model, size.texts, size.tokens, cost_usd, size.texts),
        )


def _live_of(damaged: Path) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Rows of live jobs, and of the texts in them, before the first that cannot be read."""
    jobs: list[tuple[Any, ...]] = []
    texts: list[tuple[Any, ...]] = []
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(damaged)) as old:
        for row in old.execute(f"{_JOB} WHERE stage != ?", (JobStage.ENDED,)):
            jobs.append(row)  # noqa: PERF402 - what came before a failure is kept
        for row in old.execute(
            "SELECT text_key, text, tokens, job_id FROM batch_texts NOT INDEXED"
            " WHERE job_id IS NOT NULL"
        ):
            texts.append(row)  # noqa: PERF402
    return jobs, texts
