"""The jobs that were asked for: found, followed, collected, settled and deleted."""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from waypoint.embedding.batch_jobs.port import BatchJobs, JobState, MissingError, ServiceJob
from waypoint.embedding.providers import model_of
from waypoint.ingestion.jobs.collect import Collector, Tally
from waypoint.ingestion.jobs.parts import JobParts
from waypoint.observe.events import JobDoubled, JobSettled, JobSubmitted
from waypoint.service_day import service_day
from waypoint.storage.ledger.records import BatchJob, JobStage, PoolSize, Settlement

ADOPT_WINDOW = 120.0
"""Seconds after which a job that was made is listed: before, one that isn't may still be."""
CANCEL_WINDOW = 120.0
"""Seconds that a job that is cancelled may take to say so."""
FORGOTTEN = 72 * 3600.0
"""Seconds after which a job has ended, whoever may see it, and none is made late."""
MOST_MISSED = 3
"""Looks after which results that are not there are taken to be gone."""
FEW_TEXTS = 100
"""A job of so few may have nothing but bad ones: they may be sent in calls."""


class Watcher:
    """Args: patience: seconds that a job may be queued; fallback: a failed job's texts are for
    calls."""

    def __init__(
        self, parts: JobParts, collector: Collector, *, patience: float, fallback: bool
    ) -> None:
        self._parts = parts
        self._collector = collector
        self._patience = patience
        self._fallback = fallback
        self._listed: set[str] = set()
        """Jobs that were looked for in the list when it had each of them for sure."""
        self._first_seen: dict[str, float] = {}
        """In seconds of the event loop's clock, which nobody sets."""
        self._missed: dict[str, int] = {}
        """Looks at which a job's results were not there."""
        self.foreign: set[str] = set()
        """Jobs that another key made, and this one doesn't see."""
        self.barren = 0
        """Jobs in a row that brought nothing."""
        self.last_outcome = ""

    async def reconcile(self) -> None:
        """Look for jobs of ours that the ledger doesn't know of: the service made them late."""
        since = self._parts.clock() - FORGOTTEN
        jobs = await self._parts.jobs.jobs(live=False)
        await self._find([job for job in jobs if self._is_ours(job) and job.submitted > since])

    async def look(self) -> None:
        """One step of each live job."""
        live = await self._parts.live()
        unlisted = [job for job in live if job.queued and job.id not in self._listed]
        if unlisted:
            await self._find(unlisted)
            live = await self._parts.live()
        for job in live:
            if job.stage is JobStage.SUBMITTED:
                await self._follow(job)
            elif job.stage is JobStage.SETTLED:
                await self._clean(job)

    def _is_ours(self, job: BatchJob) -> bool:
        return job.space.provider == self._parts.provider and not job.twin_of

    async def _find(self, asked: Sequence[BatchJob]) -> None:
        """Find jobs by their display names: those whose answer was lost, and second ones."""
        ours = {job.id: job for job in asked if not job.twin_of}
        if not ours:
            return
        parts = self._parts
        known = {job.name for job in await parts.jobs.jobs(live=False)}
        ages = {job.id: self._age(job) for job in ours.values()}

        async def search(service: BatchJobs) -> list[ServiceJob]:
            return [
                each
                async for each in service.list()
                if each.display_name in ours and each.name not in known
            ]

        looked_for = {job.id for job in ours.values() if job.stage is JobStage.SUBMITTING}
        for found in await parts.service.ask(search, parts.stop):
            job = ours[found.display_name]
            if job.id in looked_for:
                looked_for.remove(job.id)
                await parts.jobs.note_job(job.id, JobStage.SUBMITTED, found.name)
                parts.events.emit(JobSubmitted(job.id, job.texts, job.tokens))
            else:
                await parts.jobs.add_twin(job, found.name)
                parts.events.emit(JobDoubled(job.id, job.texts))
        for job_id, age in ages.items():
            if age > ADOPT_WINDOW:
                self._listed.add(job_id)
                if job_id in looked_for:
                    await parts.jobs.unmake_job(job_id, "the service did not make it")
                    await parts.drop_file(job_id)

    def _age(self, job: BatchJob) -> float:
        """Seconds since it was asked for, even if the wall clock was set back since."""
        now = anyio.current_time()
        return max(
            self._parts.clock() - job.submitted, now - self._first_seen.setdefault(job.id, now)
        )

    async def _follow(self, job: BatchJob) -> None:
        parts = self._parts
        try:
            found = await parts.service.ask(lambda service: service.get(job.name), parts.stop)
        except MissingError:
            account = (await parts.service.connected()).account
            if job.cancelled or self._age(job) > FORGOTTEN:
                await self._settle(job, "given up: the service does not know it any more")
            elif job.account != account:
                self.foreign.add(job.id)
            elif self._age(job) > ADOPT_WINDOW:
                await self._settle(job, "the service does not know it any more")
            return
        age = self._age(job)
        if found.state is JobState.SUCCEEDED and not job.twin_of:
            await self._collect(job, found)
        elif not found.state.live:
            await self._settle(job, str(found.state), found)
        elif job.cancelled:
            if parts.clock() - job.cancelled > CANCEL_WINDOW:
                await self._settle(job, "not ended though it was cancelled", found)
        elif job.twin_of or (age > self._patience and not _goes_on(job, found)):
            await self.cancel(job)

    async def cancel(self, job: BatchJob) -> None:
        """Ask the service to end a job; what becomes of it is seen by the next looks."""
        await self._parts.jobs.note_cancelled(job.id)
        await self._parts.gone("cancel", job.name)

    async def _collect(self, job: BatchJob, found: ServiceJob) -> None:
        parts = self._parts
        if not found.results:
            await self._settle(job, "it has no results", found)
            return
        try:
            tally = await parts.service.ask(
                lambda service: self._collector.collect(service, job, found.results), parts.stop
            )
        except MissingError:
            # Believed at the third look: they are paid for.
            self._missed[job.id] = self._missed.get(job.id, 0) + 1
            if self._missed[job.id] >= MOST_MISSED:
                await self._settle(job, "its results are gone", found)
            return
        if tally is not None:
            await self._settle(job, str(found.state), found, tally)

    async def _settle(
        self,
        job: BatchJob,
        outcome: str,
        found: ServiceJob | None = None,
        tally: Tally | None = None,
    ) -> None:
        """Give back what a job did not bring, and count what may have been billed for it."""
        parts = self._parts
        lost = await self._maybe_billed(job, found, tally)
        usd = lost.tokens * model_of(job.space).job_usd_per_million_tokens / 1_000_000
        whole = job.texts <= FEW_TEXTS or await self._brought(job)
        settlement = Settlement(
            outcome,
            lost,
            usd,
            refused=() if tally is None else list(tally.refused),
            rows_failed=tally is not None and whole,
            to_calls=tally is None and self._fallback,
        )
        with anyio.CancelScope(shield=True):
            settled = await parts.jobs.settle_job(job, settlement, service_day().isoformat())
        parts.events.emit(
            JobSettled(
                *(settled.id, settled.outcome, settled.committed, settled.returned),
                *(settled.to_calls, settled.lost_texts, settled.lost_usd),
            )
        )
        parts.queue.settled()
        if not job.twin_of:
            brought = settled.committed or (tally is not None and settled.to_calls)
            self.barren = 0 if brought else self.barren + 1
            self.last_outcome = outcome
        await self._clean(settled)

    async def _brought(self, job: BatchJob) -> bool:
        """Whether anything of it was committed, now or by an earlier run."""
        left = await self._parts.jobs.texts_left(job.id)
        return left.texts < job.texts

    async def _maybe_billed(
        self, job: BatchJob, found: ServiceJob | None, tally: Tally | None
    ) -> PoolSize:
        """Texts that the service may have done and billed, but whose vectors never came."""
        left = PoolSize(job.texts, job.tokens)
        if not job.twin_of:
            left = await self._parts.jobs.texts_left(job.id)
        if tally is not None:
            texts = left.texts - len(tally.failed)
        elif found is not None and found.untouched is not None:
            texts = min(left.texts, max(0, job.texts - found.untouched))
        else:
            texts = left.texts
        return PoolSize(texts, round(left.tokens * texts / left.texts) if left.texts else 0)

    async def _clean(self, job: BatchJob) -> None:
        """Delete what is ours at the service."""
        if job.name:
            await self._parts.gone("delete", job.name)
        if not job.twin_of:
            await self._parts.gone("delete_file", job.id)
        await self._parts.jobs.note_job(job.id, JobStage.ENDED)


def _goes_on(job: BatchJob, found: ServiceJob) -> bool:
    """Whether it has come to some of its rows: to cancel it would lose them."""
    if found.state is not JobState.RUNNING:
        return False
    return found.untouched is None or found.untouched < job.texts
