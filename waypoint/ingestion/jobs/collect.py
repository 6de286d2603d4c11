"""From a job's results to vectors in the ledger: line by line, some hundred rows a commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import anyio
import numpy as np
from anyio import to_thread

from waypoint.embedding.batch_jobs.port import BatchJobs
from waypoint.embedding.batch_jobs.rows import TEXT_REFUSED, ResultRow, result_rows
from waypoint.embedding.port import TransientCallError
from waypoint.embedding.providers import model_of
from waypoint.models import TextKey
from waypoint.observe.events import EventBus, TextsEmbedded
from waypoint.service_day import service_day
from waypoint.storage.ledger.port import JobLedger, Ledger
from waypoint.storage.ledger.records import BatchJob
from waypoint.storage.ledger.room import CallRoom

ROWS = 500
"""Rows in one commit: 1.5 MB of vectors, 5 MB of lines."""


@dataclass(slots=True)
class Tally:
    """What one download of a job's results came to."""

    committed: int = 0
    failed: set[TextKey] = field(default_factory=set)
    """Texts whose rows are errors: these are not billed."""
    refused: set[TextKey] = field(default_factory=set)
    """Of these, texts that the service calls invalid."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Commits the rows of results; each good one is the ledger's as soon as its commit is."""

    ledger: Ledger
    jobs: JobLedger
    events: EventBus
    calls: int = 0
    """That may be in flight beside it, whose answers want room in the ledger, too."""

    async def collect(self, service: BatchJobs, job: BatchJob, results: str) -> Tally | None:
        """Download and commit; what was committed before is not again.

        Returns None if the line broke, but something came: to be asked again.

        Raises:
            MissingError: there are no results.
            TransientCallError: the line broke before anything came.
            LedgerError, StoreWriteError: it can't be committed.
        """
        tally = Tally()
        try:
            async with service.download(results) as lines:
                async for some in _grouped(lines):
                    rows = await to_thread.run_sync(result_rows, some, job.space.dimensions)
                    # What arrived is billed: not even a second Ctrl-C may lose it.
                    with anyio.CancelScope(shield=True):
                        await self._commit(job, rows, tally)
        except TransientCallError:
            if tally.committed:
                return None
            raise
        return tally

    async def _commit(self, job: BatchJob, rows: list[ResultRow], tally: Tally) -> None:
        # A row that is of no text here was committed by an earlier download, or never sent.
        sizes = await self.jobs.job_texts(job.id, [row.key for row in rows])
        known = [row for row in rows if row.key in sizes]
        good = {row.key: row.vector for row in known if row.vector is not None}
        tally.failed |= {row.key for row in known if row.error is not None} - good.keys()
        tally.refused |= {row.key for row in known if row.error == TEXT_REFUSED} - good.keys()
        if not good:
            return
        counts = {row.key: row.count(*sizes[row.key]) for row in known if row.key in good}
        tokens = sum(counts.values())
        cost = tokens * model_of(job.space).job_usd_per_million_tokens / 1_000_000
        await self.ledger.make_room(CallRoom(1 + self.calls, ROWS, job.space.dimensions))
        await self.jobs.commit_rows(
            job,
            list(good),
            np.stack(list(good.values())),
            tokens=tokens,
            cost_usd=cost,
            day=service_day().isoformat(),
        )
        tally.failed -= good.keys()
        tally.committed += len(good)
        self.events.emit(TextsEmbedded(len(good), tokens, cost))


async def _grouped(lines: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    some: list[bytes] = []
    async for line in lines:
        some.append(line)
        if len(some) == ROWS:
            yield some
            some = []
    if some:
        yield some
