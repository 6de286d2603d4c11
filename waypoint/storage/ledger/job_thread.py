"""Batch jobs of the SQLite ledger, off the event loop as all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from waypoint.models import EmbeddingSpace, TextKey, Vectors
from waypoint.storage.ledger.jobs import Jobs
from waypoint.storage.ledger.port import JobLedger
from waypoint.storage.ledger.records import (
    BatchJob,
    JobLimits,
    JobStage,
    PooledText,
    PoolSize,
    Settlement,
    WaitingTexts,
)

P = ParamSpec("P")
T = TypeVar("T")


class RunInThread(Protocol):
    """Runs a method of the ledger off the loop."""

    async def __call__(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


class JobThread(JobLedger):
    """The port, by running the SQLite ledger's methods on the thread of all of it."""

    def __init__(self, run: RunInThread, ledger: Jobs) -> None:
        self._run = run
        self._ledger = ledger

    async def jobs(self, *, live: bool) -> list[BatchJob]:
        return await self._run(self._ledger.jobs, live=live)

    async def waiting_texts(self, keys: Sequence[TextKey]) -> WaitingTexts:
        return await self._run(self._ledger.waiting_texts, keys)

    async def pool_texts(self, space: EmbeddingSpace, texts: Sequence[PooledText]) -> None:
        await self._run(self._ledger.pool_texts, space, texts)

    async def take_pooled(self, keys: Sequence[TextKey]) -> set[TextKey]:
        return await self._run(self._ledger.take_pooled, keys)

    async def empty_pool(self) -> list[str]:
        return await self._run(self._ledger.empty_pool)

    async def pool_size(self, space: EmbeddingSpace) -> PoolSize:
        return await self._run(self._ledger.pool_size, space)

    async def prepare_job(
        self, space: EmbeddingSpace, account: str, limits: JobLimits
    ) -> BatchJob | None:
        return await self._run(self._ledger.prepare_job, space, account, limits)

    async def add_twin(self, job: BatchJob, name: str) -> None:
        await self._run(self._ledger.add_twin, job, name)

    async def job_page(self, job_id: str, after: int) -> list[tuple[int, TextKey, str]]:
        return await self._run(self._ledger.job_page, job_id, after)

    async def rename_job(self, job_id: str) -> BatchJob:
        return await self._run(self._ledger.rename_job, job_id)

    async def note_job(self, job_id: str, stage: JobStage, name: str = "") -> None:
        await self._run(self._ledger.note_job, job_id, stage, name)

    async def note_cancelled(self, job_id: str) -> None:
        await self._run(self._ledger.note_cancelled, job_id)

    async def drop_job(self, job_id: str) -> None:
        await self._run(self._ledger.drop_job, job_id)

    async def unmake_job(self, job_id: str, outcome: str) -> None:
        await self._run(self._ledger.unmake_job, job_id, outcome)

    async def job_texts(
        self, job_id: str, keys: Sequence[TextKey]
    ) -> dict[TextKey, tuple[int, int]]:
        return await self._run(self._ledger.job_texts, job_id, keys)

    async def texts_left(self, job_id: str) -> PoolSize:
        return await self._run(self._ledger.texts_left, job_id)

    async def commit_rows(
        self,
        job: BatchJob,
        keys: Sequence[TextKey],
        vectors: Vectors,
        *,
        tokens: int,
        cost_usd: float,
        day: str,
    ) -> None:
        await self._run(
            self._ledger.commit_rows, job, keys, vectors, tokens=tokens, cost_usd=cost_usd, day=day
        )

    async def settle_job(self, job: BatchJob, settlement: Settlement, day: str) -> BatchJob:
        return await self._run(self._ledger.settle_job, job, settlement, day)

    async def take_over(self, damaged: Path) -> tuple[int, int]:
        return await self._run(self._ledger.take_over, damaged)
