"""Ending all live batch jobs of a ledger: what they have brought is kept."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack

import anyio

from waypoint.embedding.providers import find_endpoint
from waypoint.errors import UsageError
from waypoint.ingestion.jobs.collect import Collector
from waypoint.ingestion.jobs.parts import JobParts
from waypoint.ingestion.jobs.queue import JobQueue
from waypoint.ingestion.jobs.service import JobService
from waypoint.ingestion.jobs.watch import Watcher
from waypoint.observe.events import EventBus
from waypoint.settings import Settings
from waypoint.stopping import Stop
from waypoint.storage.ledger.records import BatchJob, JobStage
from waypoint.storage.ledgers import chosen_ledger
from waypoint.storage.lock import StoreLock

PATIENCE = 30.0
"""Seconds that jobs are waited for to end; the next ingest sees to the rest."""


async def cancel_jobs(settings: Settings, events: EventBus) -> list[BatchJob]:
    """Collect what is ready, cancel the rest; returns the jobs that were live, as they are now.

    Raises:
        UsageError: there is no ledger, or its jobs are of another provider.
        StoreLockedError: a run has it open.
        ServiceUnavailableError, KeyRefusedError: the service can't be asked.
    """
    kind, folder = chosen_ledger(settings), settings.chroma_persist_path
    if not kind.exists(folder):
        raise UsageError(
            f"there is no ledger in {folder}",
            hint="set CHROMA_PERSIST_PATH to the folder of an earlier run",
        )
    async with AsyncExitStack() as stack:
        stack.enter_context(StoreLock(folder))
        ledger = await stack.enter_async_context(kind.open(folder))
        jobs = ledger.batch
        before = await jobs.jobs(live=True) if jobs else []
        if jobs is None or not before:
            return []
        endpoint = await find_endpoint(settings)
        provider = endpoint.provider.name
        if endpoint.open_jobs is None or any(job.space.provider != provider for job in before):
            others = sorted({job.space.provider for job in before})
            raise UsageError(
                f"the live jobs are of {' and '.join(others)}, the settings say {provider}",
                hint="set EMBEDDING_PROVIDER, the key and GOOGLE_GEMINI_BASE_URL as they were "
                "when the jobs were made",
            )
        service = JobService(endpoint.open_jobs, stack, settings.give_up_after)
        queue = JobQueue(settings.quota_tier)
        parts = JobParts(provider, service, jobs, queue, Stop(), events)
        collector = Collector(ledger, jobs, events)
        watcher = Watcher(parts, collector, patience=math.inf, fallback=False)
        await watcher.look()
        for job in await parts.live():
            if job.stage is JobStage.SUBMITTED and not job.cancelled:
                await watcher.cancel(job)
        with anyio.move_on_after(PATIENCE):
            while live := await parts.live():
                await watcher.look()
                await anyio.sleep(queue.pause(live, parts.clock()))
        known = {job.id for job in before}
        return [job for job in await jobs.jobs(live=False) if job.id in known]
