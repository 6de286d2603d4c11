"""A run with batch jobs: passes over the folder, and the waits for jobs between them.

A pass finds in the ledger what jobs have brought, and puts into the pool what is to go into jobs;
documents of which a text waits stay incomplete, and the next pass goes over them alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

from waypoint.embedding.port import Endpoint
from waypoint.embedding.rate_limit import Quota
from waypoint.errors import JobsPendingError, UsageError
from waypoint.ingestion.jobs.route import Route
from waypoint.ingestion.jobs.runner import JobRunner
from waypoint.ingestion.jobs.submit import COST_SHARE
from waypoint.models import EmbeddingSpace
from waypoint.observe.events import EventBus, RunRepeated
from waypoint.settings import Mode, QuotaTier, Settings
from waypoint.stopping import Stop, StopRequested
from waypoint.storage.ledger.port import JobLedger
from waypoint.storage.ledger.records import PoolSize

EXPECTED_TURNAROUND = 600.0
"""Seconds that a job takes, as users of small ones saw it (7 to 8 min)."""


def check_mode(settings: Settings, endpoint: Endpoint, *, detach: bool) -> None:
    """
    Raises:
        UsageError: the mode cannot be had with this provider, tier or option.
    """
    if detach and settings.mode is not Mode.BATCH:
        raise UsageError(
            "--detach is for batch jobs", hint="add --mode batch, or leave --detach out"
        )
    if settings.mode is Mode.INTERACTIVE:
        return
    option = f"--mode {settings.mode}"
    if endpoint.open_jobs is None:
        raise UsageError(
            f"{option}: Waypoint makes no batch jobs with {endpoint.provider.title}",
            hint="use --mode interactive, or EMBEDDING_PROVIDER=gemini",
        )
    if settings.quota_tier is QuotaTier.FREE:
        raise UsageError(
            f"{option}: the free tier has no batch jobs", hint="use --mode interactive"
        )
    if detach and not endpoint.jobs_last:
        raise UsageError(
            "--detach: the built-in simulator ends with the run, and its jobs with it",
            hint="leave --detach out, or run `waypoint simulate` and set GOOGLE_GEMINI_BASE_URL",
        )


def tokens_for_calls(tokens: int, max_tokens: float) -> float:
    """Of so many tokens those that may be sent in calls, so that jobs can be paid for the rest."""
    return max(0.0, (max_tokens - COST_SHARE * tokens) / (1 - COST_SHARE))


@dataclass(frozen=True, slots=True)
class Passes:
    """What a run with batch jobs is made of.

    Args:
        run_pass: one pass of the pipeline over the folder.
    """

    run_pass: Callable[[Route], Awaitable[None]]
    runner: JobRunner
    jobs: JobLedger
    mode: Mode
    space: EmbeddingSpace
    quota: Quota
    max_tokens: float
    """That the run may pay for in calls; infinite without a budget."""
    stop: Stop
    events: EventBus
    detach: bool

    async def run(self) -> None:
        """Ingest until no text waits for a job.

        Raises:
            JobsPendingError: some do, and the run does not wait for them.
            BudgetSpentError: nothing more can be paid for.
            WaypointError: as a pass, or as what the service answers about jobs.
        """
        try:
            await self._run()
        except StopRequested:
            # Jobs go on at the service; the next run collects them.
            return

    async def _run(self) -> None:
        runner, submitter = self.runner, self.runner.submitter
        await runner.begin()
        # The whole is known before the first job is made.
        deferred = await self._pass(first=True)
        if deferred and self.mode is Mode.MIXED and not self.stop.requested:
            deferred = await self._pass_beside_jobs()
        while deferred and not self.stop.requested:
            if self.mode is Mode.INTERACTIVE:
                raise await self._pending()
            if self.detach and not submitter.fallen_back:
                await submitter.submit()
                if not submitter.fallen_back:
                    raise (
                        submitter.spent
                        if await self._is_idle() and submitter.spent
                        else (await self._pending())
                    )
            await runner.settle_all()
            deferred = await self._pass()
            if deferred and await self._is_idle():
                raise submitter.spent or await self._pending()

    async def _pass(self, *, first: bool = False, allowance: float = 0) -> int:
        """One pass, with so many tokens for calls; returns how many texts wait for a job."""
        if not first:
            self.events.emit(RunRepeated(dropped=False))
        calls = self.mode is Mode.INTERACTIVE or self.runner.submitter.fallen_back
        route = Route(self.jobs, self.space, allowance=math.inf if calls else allowance)
        await self.run_pass(route)
        return route.deferred

    async def _pass_beside_jobs(self) -> int:
        """Calls take the pool from its one end, jobs from the other, as long as that is worth it:
        the last texts are sooner in by calls than any job is."""
        pool = await self.jobs.pool_size(self.space)
        allowance = tokens_for_calls(pool.tokens, self.max_tokens)
        all_by_calls = allowance >= pool.tokens
        failures: list[Exception] = []
        passed = anyio.Event()

        taken_before = self.runner.submitter.tokens_taken

        def most(left: PoolSize) -> float:
            if all_by_calls:
                return math.inf if self._seconds_by_calls(left) > EXPECTED_TURNAROUND else 0
            # What calls can't pay for, and no more, however soon a job could be made.
            taken = self.runner.submitter.tokens_taken - taken_before
            return pool.tokens - allowance - taken

        async def run_jobs() -> None:
            try:
                await self.runner.run_beside(passed, most)
            except StopRequested:
                return
            except Exception as error:
                failures.append(error)
                self.stop.request(str(error))

        async with anyio.create_task_group() as beside:
            beside.start_soon(run_jobs)
            deferred = await self._pass(allowance=allowance)
            # Not cancelled: a job that is being made is made.
            passed.set()
        if failures:
            raise failures[0]
        return deferred

    def _seconds_by_calls(self, left: PoolSize) -> float:
        """What calls take for it at the pace that is known."""
        limits = self.quota.limits
        texts = left.texts / limits.rpm if limits.rpm else 0.0
        tokens = left.tokens / limits.tpm if limits.tpm else 0.0
        return 60 * max(texts, tokens)

    async def _is_idle(self) -> bool:
        """Whether nothing is in a job that this key sees, nor will be."""
        return not await self.runner.live() and not (await self.runner.submitter.pool()).texts

    async def _pending(self) -> JobsPendingError:
        """What a run that does not wait ends with."""
        live, pool = await self.runner.live(), await self.jobs.pool_size(self.space)
        if not live and (foreign := self.runner.watcher.foreign):
            return JobsPendingError(
                f"texts are in {len(foreign):,} batch jobs that were made with another API key",
                hint="run with that key to collect them, or give them up with `waypoint jobs "
                "cancel`; three days after they were made, their texts are submitted anew",
            )
        texts = sum(job.texts - job.committed for job in live if not job.twin_of)
        more = f"; {pool.texts:,} more are submitted when there is room" if pool.texts else ""
        since = min((job.submitted for job in live if job.submitted), default=time.time())
        at = datetime.fromtimestamp(since + EXPECTED_TURNAROUND, UTC).strftime("%Y-%m-%d %H:%M")
        return JobsPendingError(
            f"{texts:,} texts are in {len(live):,} batch jobs{more}",
            hint=f"run the same command again from {at} UTC on to collect them (mostly minutes, "
            "at most 48 h)",
        )
