"""How much may be queued: by the tier, or as refusals show; and how often jobs are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from waypoint.ingestion.jobs.queue import FIRST_TOKENS, MOST_LIVE, JobQueue
from waypoint.settings import QuotaTier


@dataclass(frozen=True, slots=True)
class Job:
    texts: int = 100
    tokens: int = 15_000
    created: float = 0.0
    submitted: float = 0.0
    queued: bool = True


def tokens_of(queue: JobQueue, *live: Job, now: float = 0.0) -> int | None:
    limits = queue.next_job(live, now)
    return None if limits is None else limits.tokens


def test_a_known_queue_is_filled_by_two_jobs() -> None:
    """To nine tenths of its limit: tokens are estimates."""
    queue = JobQueue(QuotaTier.ONE)
    assert tokens_of(queue) == 225_000
    assert tokens_of(queue, Job(tokens=225_000)) == 225_000
    assert tokens_of(queue, Job(tokens=225_000), Job(tokens=225_000)) is None
    assert tokens_of(queue, Job(tokens=450_000, queued=False)) == 225_000


def test_an_unknown_queue_is_tried_with_more_and_more() -> None:
    """Each job may have twice as much as the one before; a refusal waits for an end."""
    queue = JobQueue(QuotaTier.AUTO)
    assert tokens_of(queue) == FIRST_TOKENS
    queue.accepted(Job(tokens=FIRST_TOKENS))
    assert tokens_of(queue, Job()) == 2 * FIRST_TOKENS
    queue.refused(Job(tokens=2 * FIRST_TOKENS), [Job()], 0.0)
    assert tokens_of(queue, Job()) is None
    queue.settled()
    assert tokens_of(queue, Job()) == 2 * FIRST_TOKENS


def test_a_queue_that_is_full_with_others() -> None:
    """Jobs are halved to the smallest; then it is tried every 15 minutes."""
    queue, tries = JobQueue(QuotaTier.AUTO), 0
    while (tokens := tokens_of(queue)) is not None:
        queue.refused(Job(tokens=tokens), [], 0.0)
        tries += 1
    assert tries < 10
    assert queue.closed(899)
    assert queue.pause([], 0.0) == 900
    assert tokens_of(queue, now=901) is not None


def test_a_hundred_jobs_at_once() -> None:
    """No more, however small."""
    queue = JobQueue(QuotaTier.THREE)
    assert tokens_of(queue, *(MOST_LIVE - 1) * [Job(tokens=1)]) is not None
    assert tokens_of(queue, *MOST_LIVE * [Job(tokens=1)]) is None


def test_a_text_that_spoils_jobs_is_found_by_halves() -> None:
    """And then jobs are whole again."""
    queue = JobQueue(QuotaTier.TWO)
    before = queue.next_job([], 0.0)
    queue.halve(Job(texts=9))
    halved = queue.next_job([], 0.0)
    assert halved is not None
    assert halved.texts == 4
    queue.whole()
    assert queue.next_job([], 0.0) == before


def test_a_young_job_is_looked_at_often() -> None:
    """And an old one once a minute."""
    queue = JobQueue(QuotaTier.TWO)
    assert queue.pause([Job(submitted=0.0)], 1.0) == 0.5
    assert queue.pause([Job(submitted=1.0)], 101.0) == 10
    assert queue.pause([Job(submitted=1.0)], 10_000.0) == 60
