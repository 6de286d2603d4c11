"""The ledger's batch jobs as they are told: what each is, and what is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from waypoint.embedding.providers import model_of
from waypoint.errors import UsageError
from waypoint.settings import Settings
from waypoint.storage.ledger.records import BatchJob, JobStage
from waypoint.storage.ledgers import chosen_ledger
from waypoint.storage.lock import StoreLock

_NEXT = {
    JobStage.PREPARED: "the next ingest deletes its file and makes another job of its texts",
    JobStage.UPLOADED: "the next ingest deletes its file and makes another job of its texts",
    JobStage.SUBMITTING: "the next ingest looks for it at the service",
    JobStage.SUBMITTED: "the next ingest collects it, if it is ready",
    JobStage.SETTLED: "the next ingest deletes it at the service",
}


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A batch job."""

    id: str
    """Its display name at the service."""
    name: str
    """The service's; empty before it is known."""
    provider: str
    model: str
    state: str
    """How far it is, or what became of it."""
    texts: int
    tokens: int
    """Estimated."""
    committed: int
    """Texts."""
    cost_usd: float
    """Of what was committed; before it has ended, of all of it, estimated."""
    maybe_billed_usd: float
    """May have been billed for nothing."""
    since: str
    """When it was submitted, or prepared: UTC, ISO 8601."""
    next: str
    """What happens to it; empty after its end."""


async def read_jobs(settings: Settings, *, ended: bool = False) -> list[JobStatus]:
    """The live jobs; or all.

    Raises:
        UsageError: there is no ledger.
        StoreLockedError: a run has it open.
    """
    kind, folder = chosen_ledger(settings), settings.chroma_persist_path
    if not kind.exists(folder):
        raise UsageError(
            f"there is no ledger in {folder}",
            hint="set CHROMA_PERSIST_PATH to the folder of an earlier run",
        )
    with StoreLock(folder):
        async with kind.open(folder) as ledger:
            jobs = await ledger.batch.jobs(live=not ended) if ledger.batch else []
    return told(jobs)


def told(jobs: Sequence[BatchJob]) -> list[JobStatus]:
    """As they are shown."""
    return [_status(job) for job in jobs]


def _status(job: BatchJob) -> JobStatus:
    live = job.stage not in (JobStage.SETTLED, JobStage.ENDED)
    price = model_of(job.space).job_usd_per_million_tokens / 1_000_000
    state = "being cancelled" if job.cancelled and live else str(job.stage)
    return JobStatus(
        id=job.id,
        name=job.name,
        provider=job.space.provider,
        model=job.space.model,
        state=job.outcome or state,
        texts=job.texts,
        tokens=job.tokens,
        committed=job.committed,
        cost_usd=job.tokens * price if live else job.cost_usd,
        maybe_billed_usd=job.lost_usd,
        since=datetime.fromtimestamp(job.submitted or job.created, UTC).isoformat("T", "seconds"),
        next=_NEXT.get(job.stage, ""),
    )
