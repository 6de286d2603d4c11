"""What the deduplicate stage does with a text that nobody has embedded: a call, or a job."""

from __future__ import annotations

import math
from collections.abc import Sequence

from waypoint.ingestion.messages import Candidate
from waypoint.models import EmbeddingSpace
from waypoint.storage.ledger.port import JobLedger
from waypoint.storage.ledger.records import PooledText


class Route:
    """The way of one pass over the folder.

    A text that is in a job is waited for, whatever the way; one that jobs did not bring is sent
    in a call. Texts are in the ledger, as pooled, before their chunks are let go: a later chunk
    with the same text meets it there.

    Args:
        allowance: tokens that may go into calls; what is beyond goes into the pool, for jobs.
    """

    def __init__(
        self, jobs: JobLedger, space: EmbeddingSpace, *, allowance: float = math.inf
    ) -> None:
        self._jobs = jobs
        self._space = space
        self._allowance = allowance
        self.deferred = 0
        """Texts that a later pass will find in the ledger."""

    async def to_call(self, unknown: Sequence[Candidate]) -> list[Candidate]:
        """Those of the texts that are to be sent in calls now; the others wait for a job."""
        waiting = await self._jobs.waiting_texts([each.key for each in unknown])
        calls, rest = [], []
        for each in unknown:
            if each.key in waiting.in_job:
                continue
            if each.key in waiting.for_calls or self._allowance >= each.tokens:
                self._allowance -= each.tokens
                calls.append(each)
            else:
                rest.append(each)
        if pooled := [each.key for each in calls if each.key in waiting.pooled]:
            # Between the question and now, a job may have taken it.
            taken = await self._jobs.take_pooled(pooled)
            lost = set(pooled) - taken
            calls = [each for each in calls if each.key not in lost]
        if rest:
            await self._jobs.pool_texts(
                self._space, [PooledText(each.key, each.text, each.tokens) for each in rest]
            )
        self.deferred += len(unknown) - len(calls)
        return calls
