"""From the pool to a job at the service: each step is noted in the ledger before it is made.

A kill at any moment leaves a stage from which the next run goes on. Before the service is asked
to make a job, the ledger says so (``submitting``): whoever finds that stage looks for the job by
its display name, and never asks again before it is sure that there is none.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import anyio

from waypoint.embedding.batch_jobs.port import NameTakenError
from waypoint.embedding.batch_jobs.rows import request_line
from waypoint.embedding.budget import Budget
from waypoint.embedding.port import (
    CallError,
    CallRefusedError,
    QuotaExceededError,
    TransientCallError,
)
from waypoint.embedding.providers import model_of
from waypoint.errors import (
    BudgetSpentError,
    RequestRefusedError,
    WaypointError,
)
from waypoint.ingestion.jobs.parts import JobParts
from waypoint.models import EmbeddingSpace
from waypoint.observe.events import JobSubmitted, StoreNotice
from waypoint.storage.ledger.records import BatchJob, JobLimits, JobStage, PoolSize, Settlement

MOST_REFUSED = 3
"""Texts in a row that are each refused as a job of their own, after which it is not the texts."""
_PARTS, _WHOLE = 11, 20
COST_SHARE = _PARTS / _WHOLE
"""Of a call's price, that is reserved for a job: half, and a tenth more, since the service counts
its tokens only when they are spent."""


class Submitter:
    """Makes jobs of the pool.

    Args:
        space: whose texts are submitted.
        fallback: what jobs do not bring is left to calls.
    """

    def __init__(
        self, parts: JobParts, budget: Budget | None, space: EmbeddingSpace, *, fallback: bool
    ) -> None:
        self._parts = parts
        self._budget = budget
        self._space = space
        self._fallback = fallback
        self._refused = 0
        """Texts in a row that were refused, each as a job of its own."""
        self.tokens_taken = 0
        """By all jobs that were made."""
        self.spent: BudgetSpentError | None = None
        """Set when nothing more may be submitted."""
        self.fallen_back = False
        """What is left is for calls: jobs can't be had, and that is wished."""

    async def pool(self) -> PoolSize:
        """What may be submitted still."""
        if self.spent or self.fallen_back or self._parts.stop.requested:
            return PoolSize(0, 0)
        return await self._parts.jobs.pool_size(self._space)

    async def fall_back(self, reason: str) -> None:
        """Leave to calls what was not submitted."""
        self.fallen_back = True
        self._parts.events.emit(
            StoreNotice(f"{reason}: what is left is embedded by calls, at full price")
        )
        await self._parts.jobs.empty_pool()

    async def submit(self, most: Callable[[PoolSize], float] = lambda _: math.inf) -> None:
        """Make jobs until the service's queue is full, or nothing is left of the pool.

        ``most``: tokens that jobs may take of what is left, asked before each; 0 for no job.

        Raises:
            RequestRefusedError: the service takes no jobs.
            ServiceUnavailableError: no file can be uploaded.
        """
        parts = self._parts
        while (pool := await self.pool()).texts and (tokens := most(pool)) > 0:
            limits = parts.queue.next_job(await parts.live(), parts.clock())
            if limits is None:
                break
            if tokens < limits.tokens:
                limits = replace(limits, tokens=int(tokens))
            if (job := await self._claim(limits)) is None:
                break
            self.tokens_taken += job.tokens
            await self._make(job)
        if parts.queue.closed(parts.clock()) and self._fallback and not self.fallen_back:
            await self.fall_back("the service's queue is full with jobs of others")

    async def _claim(self, limits: JobLimits) -> BatchJob | None:
        """Texts for a job whose cost is reserved; fewer, if that is what the budget allows."""
        account = (await self._parts.service.connected()).account
        while job := await self._parts.jobs.prepare_job(self._space, account, limits):
            if self._budget is None:
                return job
            try:
                self._budget.reserve(job.texts, _cost(job))
            except BudgetSpentError as error:
                await self._parts.jobs.drop_job(job.id)
                texts = job.texts - 1 if error.texts_left is None else error.texts_left
                if job.texts == 1 or texts < 1:
                    self.spent = error
                    return None
                tokens = job.tokens
                if error.tokens_left is not None:
                    tokens = error.tokens_left * _WHOLE // _PARTS
                limits = JobLimits(texts, tokens)
            else:
                return job
        return None

    async def _make(self, job: BatchJob) -> None:
        billed = False
        try:
            job = await self._upload(job)
            # Not even a second Ctrl-C comes between the request and what is noted of it.
            with anyio.CancelScope(shield=True):
                billed = await self._create(job)
        except QuotaExceededError:
            self._parts.queue.refused(job, await self._parts.live(), self._parts.clock())
            self._tell_if_closed()
        except CallRefusedError as error:
            await self._deal_with_refusal(job, error)
        finally:
            if self._budget is not None:
                if billed:
                    self._budget.settle(_cost(job), counted=_cost(job))
                else:
                    self._budget.release(job.texts, _cost(job))

    async def _upload(self, job: BatchJob) -> BatchJob:
        """Bring the input file to the service; returns the job, which may have another id then.

        Raises:
            QuotaExceededError, CallRefusedError: it is not taken; the job is dropped.
            ServiceUnavailableError: the service has not answered for too long.
        """
        parts = self._parts
        service = await parts.service.connected()
        size = sum([len(part) async for part in self._input(job)])
        patience = parts.service.patience()
        while True:
            try:
                await service.upload(job.id, size, self._input(job))
                break
            except QuotaExceededError:
                await self._take_back(job)
                raise
            except CallRefusedError as error:
                await self._take_back(job)
                # A file is taken or not, whatever the texts in it.
                raise CallRefusedError(error.reason, error.status, doubtful=True) from error
            except (NameTakenError, TransientCallError) as error:
                # It may be there all the same; half a file, too, has its name.
                if await self._has_file(job, size):
                    break
                await parts.drop_file(job.id)
                job = await parts.jobs.rename_job(job.id)
                await patience.wait(error, parts.stop)
        await parts.jobs.note_job(job.id, JobStage.UPLOADED)
        return job

    async def _has_file(self, job: BatchJob, size: int) -> bool:
        parts = self._parts
        try:
            return await parts.service.ask(lambda s: s.file_size(job.id), parts.stop) == size
        except CallError:
            return False

    async def _input(self, job: BatchJob) -> AsyncIterator[bytes]:
        model, place = model_of(job.space), 0
        while page := await self._parts.jobs.job_page(job.id, place):
            place = page[-1][0]
            yield b"".join(request_line(job.space, model, key, text) for _, key, text in page)

    async def _create(self, job: BatchJob) -> bool:
        """Ask for the job, once; returns whether it was, or may have been, made.

        Raises:
            QuotaExceededError, CallRefusedError: it was not.
        """
        parts = self._parts
        service = await parts.service.connected()
        await parts.jobs.note_job(job.id, JobStage.SUBMITTING)
        try:
            made = await service.create(job.space, job.id, job.id)
        except QuotaExceededError:
            await self._take_back(job)
            raise
        except TransientCallError:
            # It is looked for by its display name.
            return True
        except WaypointError:
            await self._take_back(job)
            raise
        await parts.jobs.note_job(job.id, JobStage.SUBMITTED, made.name)
        parts.queue.accepted(job)
        self._refused = 0
        parts.events.emit(JobSubmitted(job.id, job.texts, job.tokens))
        return True

    async def _take_back(self, job: BatchJob) -> None:
        """No job was made."""
        await self._parts.jobs.drop_job(job.id)
        await self._parts.drop_file(job.id)

    async def _deal_with_refusal(self, job: BatchJob, error: CallRefusedError) -> None:
        """Halve a job that a text spoils, until that one is alone: a call is to tell of it."""
        if not error.doubtful and job.texts > 1:
            await self._take_back(job)
            self._parts.queue.halve(job)
            return
        self._refused += 1
        if error.doubtful or self._refused >= MOST_REFUSED:
            await self._take_back(job)
            reason = f"the service takes no batch jobs ({error.reason})"
            if not self._fallback:
                raise RequestRefusedError(
                    reason,
                    hint="they need a paid tier and a service that has them: run with "
                    "--mode interactive, or with --batch-fallback",
                )
            await self.fall_back(reason)
            return
        settlement = Settlement(error.reason, PoolSize(0, 0), 0.0, to_calls=True)
        await self._parts.jobs.settle_job(job, settlement, "")
        self._parts.queue.whole()

    def _tell_if_closed(self) -> None:
        if self._parts.queue.closed(self._parts.clock()):
            self._parts.events.emit(
                StoreNotice(
                    "the service takes no job though none of ours is queued: its queue, or its "
                    "storage of files, is full with others of the account; tried again after "
                    "15 minutes"
                )
            )


def _cost(job: BatchJob) -> int:
    """Tokens of calls that cost as much as the job."""
    return -(-job.tokens * _PARTS // _WHOLE)
