"""Batch jobs: what is queued, how each goes on with time, and what it is billed."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from waypoint.simulator.batch.clock import BatchClock
from waypoint.simulator.batch.faults import JobFault
from waypoint.simulator.batch.rows import Row
from waypoint.simulator.errors import Refusal
from waypoint.simulator.models import SimulatedModel
from waypoint.simulator.settings import SimulatorSettings

MOST_LIVE = 100
"""Jobs at once."""
EXPIRES_S = 48 * 3600.0
"""A job that has not ended by then expires, without results."""
_CANCEL_S = 5.0
"""From the wish to cancel until it is done."""
_ROUNDING_S = 1e-6
"""Of sums of seconds."""
_ID_LENGTH = 36
_ID_LETTERS = string.ascii_lowercase + string.digits
_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main."

PENDING, RUNNING = "BATCH_STATE_PENDING", "BATCH_STATE_RUNNING"
SUCCEEDED, FAILED = "BATCH_STATE_SUCCEEDED", "BATCH_STATE_FAILED"
CANCELLED, EXPIRED = "BATCH_STATE_CANCELLED", "BATCH_STATE_EXPIRED"
_LIVE = (PENDING, RUNNING)
_ERRORS = {
    FAILED: (13, "The batch failed."),
    CANCELLED: (13, "The batch was cancelled."),
    EXPIRED: (4, "The batch expired."),
}

Bill = Callable[[SimulatedModel, Sequence[Row]], None]


@dataclass(slots=True)
class Job:
    """One job; its state follows from the time."""

    id: str
    model: SimulatedModel
    display_name: str
    rows: Sequence[Row]
    tokens: int
    fault: JobFault | None
    created_s: float
    pending_s: float
    run_s: float
    cancelled_s: float | None = None
    """When it is, or will be, cancelled."""
    billed: bool = False
    deleted: bool = False
    downloads: int = 0

    @property
    def result_file(self) -> str:
        return f"batch-{self.id}"

    def ended_s(self) -> float:
        """When it ends, or has ended."""
        end = self.created_s + self.pending_s + self.run_s
        if self.fault is JobFault.STUCK or end - self.created_s > EXPIRES_S:
            end = self.created_s + EXPIRES_S
        return end if self.cancelled_s is None else min(end, self.cancelled_s)

    def state(self, now_s: float) -> str:
        begins = self.created_s + self.pending_s
        if now_s < self.ended_s():
            return RUNNING if now_s >= begins and self.fault is not JobFault.STUCK else PENDING
        if self.cancelled_s is not None and self.cancelled_s <= self.ended_s():
            return CANCELLED
        if self.ended_s() >= self.created_s + EXPIRES_S:
            return EXPIRED
        return FAILED if self.fault is JobFault.FAILED else SUCCEEDED

    def finished(self, now_s: float) -> int:
        """How many of its rows are done."""
        if self.fault in (JobFault.STUCK, JobFault.FAILED):
            return 0
        running = min(now_s, self.ended_s()) - self.created_s - self.pending_s
        if running < 0:
            return 0
        if running >= self.run_s - _ROUNDING_S:
            return len(self.rows)
        return int(len(self.rows) * running / self.run_s)


class JobBoard:
    """All jobs of the project.

    Args:
        bill: told, when a job has ended, of the rows that were done: of a cancelled one, too.
    """

    def __init__(self, clock: BatchClock, bill: Bill) -> None:
        self._clock = clock
        self._bill = bill
        self._jobs: dict[str, Job] = {}

    def create(
        self,
        model: SimulatedModel,
        display_name: str,
        rows: Sequence[Row],
        fault: JobFault | None,
        settings: SimulatorSettings,
    ) -> Job:
        """
        Raises:
            Refusal: 429 without a word of which limit: too many jobs, or tokens, are queued.
        """
        self.settle()
        now = self._clock.seconds()
        live = [job for job in self._jobs.values() if job.state(now) in _LIVE]
        tokens = sum(row.tokens for row in rows)
        queued = sum(job.tokens for job in live if job.model is model)
        limit = settings.batch_queue_tokens
        if len(live) >= MOST_LIVE or (limit and queued + tokens > limit):
            raise queue_full()
        pending_s, run_s = settings.job_pending_s, settings.job_ms_per_text * len(rows) / 1000
        for _ in range(2 if fault is JobFault.CREATED_TWICE else 1):
            name = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
            job = Job(name, model, display_name, rows, tokens, fault, now, pending_s, run_s)
            self._jobs[name] = job
        return job

    def get(self, name: str) -> Job:
        """
        Raises:
            Refusal: 404.
        """
        self.settle()
        job = self._jobs.get(name)
        if job is None or job.deleted:
            raise Refusal(404, "NOT_FOUND", "Requested entity was not found.")
        return job

    def listed(self, lag_s: float) -> list[Job]:
        """The newest first; ``lag_s``: seconds after which one shows."""
        self.settle()
        latest = self._clock.seconds() - lag_s
        return [
            job
            for job in reversed(self._jobs.values())
            if not job.deleted and job.created_s <= latest
        ]

    def cancel(self, name: str) -> None:
        """Raises Refusal: 404."""
        job, now = self.get(name), self._clock.seconds()
        if job.state(now) in _LIVE and job.cancelled_s is None:
            job.cancelled_s = now + _CANCEL_S

    def delete(self, name: str) -> None:
        """It goes on, and is billed, but is not seen any more. Raises Refusal: 404."""
        self.get(name).deleted = True

    def results(self, result_file: str) -> Job:
        """The job that has these results.

        Raises:
            Refusal: 404.
        """
        job = self.get(result_file.removeprefix("batch-"))
        gone = job.fault is JobFault.RESULTS_GONE
        if job.state(self._clock.seconds()) != SUCCEEDED or gone:
            raise Refusal(404, "NOT_FOUND", "Requested entity was not found.")
        return job

    def settle(self) -> None:
        """Bill what has ended since."""
        now = self._clock.seconds()
        for job in self._jobs.values():
            if not job.billed and job.state(now) not in _LIVE:
                job.billed = True
                self._bill(
                    job.model, [row for row in job.rows[: job.finished(now)] if not row.error]
                )

    def operation(self, job: Job) -> dict[str, object]:
        """As the service describes a job."""
        now = self._clock.seconds()
        state = job.state(now)
        done = state not in _LIVE
        finished = job.rows[: job.finished(now)]
        failed = sum(bool(row.error) for row in finished)
        counts = {
            "requestCount": len(job.rows),
            "successfulRequestCount": len(finished) - failed,
            "failedRequestCount": failed,
            "pendingRequestCount": len(job.rows) - len(finished),
        }
        output = {"responsesFile": f"files/{job.result_file}"}
        metadata: dict[str, object] = {
            "@type": f"{_TYPE}EmbedContentBatch",
            "model": f"models/{job.model.name}",
            "displayName": job.display_name,
            "createTime": self._clock.timestamp(job.created_s),
            "updateTime": self._clock.timestamp(min(now, job.ended_s())),
            # Zero counts are absent, and whole numbers of 64 bits strings.
            "batchStats": {name: str(count) for name, count in counts.items() if count},
            "state": state,
            "name": f"batches/{job.id}",
        }
        told: dict[str, object] = {"name": f"batches/{job.id}", "metadata": metadata}
        if done:
            metadata["endTime"] = self._clock.timestamp(job.ended_s())
            told["done"] = True
        if state == SUCCEEDED:
            metadata["output"] = output
            told["response"] = {"@type": f"{_TYPE}EmbedContentBatchOutput", **output}
        elif done:
            code, message = _ERRORS[state]
            told["error"] = {"code": code, "message": message}
        return told


def queue_full() -> Refusal:
    """The 429 of a job: neither which limit it is nor how long to wait."""
    return Refusal(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
        [
            {
                "@type": "type.googleapis.com/google.rpc.Help",
                "links": [
                    {
                        "description": "Learn more about Gemini API quotas",
                        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
                    }
                ],
            }
        ],
    )
