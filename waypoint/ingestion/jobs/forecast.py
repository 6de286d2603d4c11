"""What batch jobs take, in virtual time: the queue's own rules, and turnarounds as users saw them.

Nobody promises a pace: the service's target is a day for each job.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from waypoint.ingestion.jobs.queue import QUEUE_TOKENS, JobQueue
from waypoint.settings import QuotaTier

TARGET = 86_400.0
"""Seconds that a job takes at most, by the service's target."""
_SEEN_TEXTS, _SEEN_SECONDS = 12_000, 450.0
"""A job as users saw it (tier 2, June and July 2026); smaller ones are taken to be no quicker."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What so many texts take in jobs."""

    jobs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Job:
    """As ``JobQueue`` knows one."""

    texts: int
    tokens: int
    submitted: float
    ends: float
    queued: bool = True

    @property
    def created(self) -> float:
        return self.submitted


def seen(texts: int) -> float:
    """Seconds that a job of so many texts took."""
    return _SEEN_SECONDS * max(1.0, texts / _SEEN_TEXTS)


def target(_texts: int) -> float:
    """Seconds that a job of so many texts may take."""
    return TARGET


def forecast(
    texts: int, tokens: int, tier: QuotaTier, turnaround: Callable[[int], float] = seen
) -> Forecast:
    """Submit and settle jobs of that tier's queue until no text is left.

    A tier that is not known is taken for the first paid one. ``tokens``: of all texts together;
    each is taken to have as many as the others.
    """
    if not texts:
        return Forecast(0, 0.0)
    queue, now, jobs = JobQueue(tier), 0.0, 0
    limit = QUEUE_TOKENS.get(tier, QUEUE_TOKENS[QuotaTier.ONE])
    each = max(1.0, tokens / texts)
    live: list[_Job] = []
    while texts or live:
        room = queue.next_job(live, now) if texts else None
        if room is None:
            now = min(job.ends for job in live)
            live = [job for job in live if job.ends > now]
            queue.settled()
            continue
        count = max(1, min(texts, room.texts, int(room.tokens / each)))
        job = _Job(count, round(count * each), now, now + turnaround(count))
        if sum(other.tokens for other in live) + job.tokens > limit:
            queue.refused(job, live, now)
            continue
        queue.accepted(job)
        live.append(job)
        texts, jobs = texts - count, jobs + 1
    return Forecast(jobs, now)
