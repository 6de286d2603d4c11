"""How much may be queued at the service: by the account's tier, or as its refusals show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from waypoint.settings import QuotaTier
from waypoint.storage.ledger.records import JobLimits

QUEUE_TOKENS = {
    QuotaTier.ONE: 500_000,
    QuotaTier.TWO: 5_000_000,
    QuotaTier.THREE: 10_000_000,
}
"""Tokens of all live jobs of a model (Google's documentation, October 2026)."""
MOST_TEXTS = 33_000
"""In one job: results of 350 MB, at 768 dimensions."""
MOST_LIVE = 100
"""Jobs at once (Google's documentation)."""
FIRST_TOKENS = 120_000
"""In the first job of an account whose tier is not known: users saw that much accepted."""
_MOST_TOKENS = 2_500_000
_SHARE = 0.9
"""Of the queue's limit: tokens are estimates."""
_JOBS_A_QUEUE = 2
"""Jobs that fill the queue: one runs while the next one waits."""
_LEAST_TOKENS = 4_096
_COOLDOWN = 900.0
"""Seconds until a queue is tried again that is full, though nothing of ours is in it."""
_SOONEST, _LATEST, _SHARE_OF_AGE = 0.5, 60.0, 0.1
"""Seconds between looks at jobs."""


class Queued(Protocol):
    """Of a batch job what counts here."""

    @property
    def texts(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def created(self) -> float: ...
    @property
    def submitted(self) -> float: ...
    @property
    def queued(self) -> bool: ...


class JobQueue:
    """What the next job may be made of."""

    def __init__(self, tier: QuotaTier) -> None:
        self._limit = QUEUE_TOKENS.get(tier)
        self._tokens = FIRST_TOKENS
        if self._limit is not None:
            self._tokens = int(_SHARE * self._limit / _JOBS_A_QUEUE)
        self._texts = MOST_TEXTS
        self._full = False
        """Until something of ours ends."""
        self._closed_until = 0.0

    def next_job(self, live: Sequence[Queued], now: float) -> JobLimits | None:
        """None while the queue is full."""
        queued = [job for job in live if job.queued]
        if self._full and not queued:
            self._full = False
        if self._full or now < self._closed_until or len(queued) >= MOST_LIVE:
            return None
        tokens = self._tokens
        if self._limit is not None:
            room = int(_SHARE * self._limit) - sum(job.tokens for job in queued)
            if queued and room < min(self._tokens, _LEAST_TOKENS):
                return None
            tokens = min(tokens, max(room, 0)) if queued else tokens
        return JobLimits(self._texts, max(tokens, 1))

    def closed(self, now: float) -> bool:
        """Whether nothing is taken, though nothing of ours is queued."""
        return now < self._closed_until

    def accepted(self, job: Queued) -> None:
        """A job was made; where the limit is not known, the next may be larger."""
        if self._limit is None and job.tokens > self._tokens // 2:
            self._tokens = min(2 * self._tokens, _MOST_TOKENS)

    def refused(self, job: Queued, live: Sequence[Queued], now: float) -> None:
        """A bare 429: too much is queued, by us or by others of the account."""
        if any(each.queued for each in live):
            self._full = True
        elif job.tokens > _LEAST_TOKENS and job.texts > 1:
            self._tokens = max(job.tokens // 2, _LEAST_TOKENS)
        else:
            self._closed_until = now + _COOLDOWN

    def settled(self) -> None:
        """A job has ended: there is room again."""
        self._full = False

    def halve(self, job: Queued) -> None:
        """A text spoils the job: the next one has half of its texts."""
        self._texts = max(1, job.texts // 2)

    def whole(self) -> None:
        """It was found."""
        self._texts = MOST_TEXTS

    def pause(self, live: Sequence[Queued], now: float) -> float:
        """Seconds until the next look: a tenth of the youngest job's age, a minute at most."""
        ages = [now - (job.submitted or job.created) for job in live]
        if self.closed(now) and not ages:
            return self._closed_until - now
        return min(max(_SHARE_OF_AGE * min(ages, default=0.0), _SOONEST), _LATEST)
