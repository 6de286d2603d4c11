"""What submitting and watching jobs share."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from waypoint.embedding.batch_jobs.port import MissingError
from waypoint.embedding.port import CallError, CallRefusedError
from waypoint.ingestion.jobs.queue import JobQueue
from waypoint.ingestion.jobs.service import JobService
from waypoint.observe.events import EventBus
from waypoint.stopping import Stop
from waypoint.storage.ledger.port import JobLedger
from waypoint.storage.ledger.records import BatchJob


@dataclass(frozen=True, slots=True)
class JobParts:
    """Args: clock: seconds of the wall clock, as the ledger's times."""

    provider: str
    """Whose jobs are submitted and watched."""
    service: JobService
    jobs: JobLedger
    queue: JobQueue
    stop: Stop
    events: EventBus
    clock: Callable[[], float] = time.time

    async def live(self) -> list[BatchJob]:
        """Jobs of this provider of which something is left to be done."""
        return [
            job for job in await self.jobs.jobs(live=True) if job.space.provider == self.provider
        ]

    async def gone(self, method: str, name: str) -> None:
        """Have something of ours ended or deleted; what isn't there is so already."""
        with suppress(MissingError, CallRefusedError):
            await self.service.ask(lambda service: getattr(service, method)(name), self.stop)

    async def drop_file(self, name: str) -> None:
        """Try once to delete an input file: it expires by itself."""
        with suppress(CallError):
            await (await self.service.connected()).delete_file(name)
