"""The batch jobs of a run: submitted as the queue allows, and watched until none is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio

from waypoint.errors import ServiceUnavailableError
from waypoint.ingestion.jobs.parts import JobParts
from waypoint.ingestion.jobs.submit import Submitter
from waypoint.ingestion.jobs.watch import Watcher
from waypoint.observe.events import JobsAwaited
from waypoint.storage.ledger.records import BatchJob, PoolSize

MOST_BARREN = 3
"""Jobs in a row that bring nothing, after which no more are made."""


@dataclass(frozen=True, slots=True)
class JobRunner:
    """``fallback``: what jobs do not bring is left to calls."""

    parts: JobParts
    submitter: Submitter
    watcher: Watcher
    fallback: bool

    async def live(self) -> list[BatchJob]:
        """Jobs of which something is left to be done, by this key."""
        return [job for job in await self.parts.live() if job.id not in self.watcher.foreign]

    async def begin(self) -> None:
        """Forget what was never submitted, and collect what is ready."""
        for job_id in await self.parts.jobs.empty_pool():
            await self.parts.drop_file(job_id)
        await self.watcher.reconcile()
        await self.look()

    async def look(self) -> None:
        """One step of each live job.

        Raises:
            ServiceUnavailableError: job after job brings nothing.
        """
        await self.watcher.look()
        if self.watcher.barren < MOST_BARREN or self.submitter.fallen_back:
            return
        reason = (
            f"{self.watcher.barren} batch jobs in a row brought nothing (the last one: "
            f"{self.watcher.last_outcome})"
        )
        if not self.fallback:
            raise ServiceUnavailableError(
                reason,
                hint="run again later, or with --batch-fallback, which embeds by calls what jobs "
                "gave back",
            )
        await self.submitter.fall_back(reason)

    async def run_beside(self, passed: anyio.Event, most: Callable[[PoolSize], float]) -> None:
        """Submit and watch until ``passed``, the end of a pass whose calls take of the pool.

        ``most``: tokens that jobs may take of what is left, asked before each.
        """
        while not passed.is_set():
            await self.submitter.submit(lambda left: 0 if passed.is_set() else most(left))
            await self.look()
            pause = self.parts.queue.pause(await self.live(), self.parts.clock())
            with self.parts.stop.interruptible(), anyio.move_on_after(pause):
                await passed.wait()

    async def settle_all(self) -> None:
        """Return when no job is live, and nothing more can be submitted.

        Raises:
            StopRequested: the run stops; jobs go on at the service.
        """
        told = JobsAwaited(0, 0)
        while True:
            await self.submitter.submit()
            await self.look()
            live = await self.live()
            awaited = JobsAwaited(len(live), sum(job.texts - job.committed for job in live))
            if awaited != told:
                self.parts.events.emit(awaited)
                told = awaited
            if not live and not (await self.submitter.pool()).texts:
                return
            with self.parts.stop.interruptible():
                await anyio.sleep(self.parts.queue.pause(live, self.parts.clock()))
