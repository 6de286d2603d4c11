"""Calls that are tried again, and after a 429 wait together with all others."""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio
from tenacity import RetryCallState

from waypoint.attempts import attempts, failure, next_wait
from waypoint.embedding.adaptive_concurrency import AdaptiveConcurrency
from waypoint.embedding.metered import Account, MeteredEmbedder
from waypoint.embedding.outage import Outage
from waypoint.embedding.port import (
    Answer,
    CallRefusedError,
    Embedder,
    PoisonBatchError,
    QuotaExceededError,
    TransientCallError,
)
from waypoint.errors import DailyQuotaError, ServiceUnavailableError
from waypoint.observe.events import CallFailed, EventBus, ServiceSaid
from waypoint.observe.gauges import doing
from waypoint.stopping import Stop

FIRST_BACKOFF = 0.5
"""Seconds; the upper end of the first wait's jitter."""
LONGEST_BACKOFF = 32.0
"""Seconds; the upper end of the last wait's jitter."""
_DOUBLINGS = 6

POISON_AFTER = 5
"""Failures of a batch's own, in some seconds, after which it is for its sender to find
out whose they are."""
_ITS_OWN = (200, 500)
"""An answer of no use, or an error within the service: a text may make either, again and again."""
FRUITLESS_AFTER = 8
"""Failures of any kind but a 429 after which the same is asked: a text may also be what a service
never finishes with. More than of its own, since an outage ends by itself."""
SUSPECT_AFTER = 2
"""Failures of any kind after which part of a batch that has failed is looked into further."""
MOST_SENTENCES = 20
"""Of the service's, that a run tells aloud."""
_NUMBER = re.compile(r"\d+(\.\d+)?")
"""In a sentence: without them, two that say the same are one."""
REFUSED_AFTER = 4
"""Doubtful refusals of a batch that are believed: what passes has passed by then."""


@dataclass(slots=True)
class RetryCounter:
    """Given to a call of which whatever fails is the service's fault; counts its failures."""

    failures: int = 0


class RetryingEmbedder:
    """Calls an embedder within the quota, again and again until it answers or hope is gone.

    All workers share one object: a 429 that one of them meets makes all of them wait, and an
    answer that one of them gets tells all of them that the service is alive.

    Args:
        give_up_after: seconds of an ``Outage``.
        concurrency, prepare: as for ``MeteredEmbedder``.
    """

    def __init__(
        self,
        embedder: Embedder,
        account: Account,
        stop: Stop,
        events: EventBus,
        *,
        give_up_after: float,
        concurrency: AdaptiveConcurrency | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._quota = account.quota
        self._stop = stop
        self._events = events
        self._concurrency = concurrency or AdaptiveConcurrency(1, events)
        self._outage = Outage(give_up_after)
        self._jitter = jitter
        self._said: set[str] = set()
        self._metered = MeteredEmbedder(
            embedder, account, stop, events, self._outage, self._concurrency, prepare
        )

    async def embed(
        self,
        texts: Sequence[str],
        tokens: int,
        *,
        counter: RetryCounter | None = None,
        suspect: bool = False,
    ) -> Answer:
        """One batch's vectors. Quota is taken anew for each attempt.

        Args:
            counter: the texts are known to be harmless: they are never taken for poison.
            suspect: it is part of a batch that got no good answer, and of several texts.

        Raises:
            ServiceUnavailableError: no good answer to anyone for ``give_up_after`` seconds.
            PoisonBatchError: without a counter, after ``POISON_AFTER`` failures of their own,
                or ``FRUITLESS_AFTER`` of any kind; of a suspect, after ``SUSPECT_AFTER``.
            StopRequested, BatchTooLargeError, DailyQuotaError, BudgetSpentError,
            CallRefusedError, WaypointError: as ``MeteredEmbedder.embed``.
        """
        batch = _Failures(self._tell, counter, suspect=suspect)

        async def attempt() -> Answer:
            batch.attempts += 1
            try:
                return await self._metered.embed(texts, tokens, batch.attempts)
            except TransientCallError as error:
                batch.note(error)
                raise
            except CallRefusedError as error:
                batch.refuse(error)
                raise TransientCallError(error.reason, error.status) from error

        try:
            return await attempts(
                attempt,
                TransientCallError,
                wait=self._wait,
                stop=self._hopeless,
                # Of a canary, for whose answer others may wait, each with its slot.
                sleep=self._rest if counter is None else self._pause,
                before_sleep=self._before_sleep,
            )
        except TransientCallError as error:
            raise self._given_up(error) from error
        except DailyQuotaError:
            # The hours until there is more are not the service's failure.
            self._outage.end()
            raise

    def _wait(self, state: RetryCallState) -> float:
        """The server's word first; else exponential backoff with full jitter."""
        error = failure(state, TransientCallError)
        if error.retry_after is not None:
            # Jitter on top of the server's delay, too, or all workers come back at once.
            return error.retry_after + self._jitter(0.0, FIRST_BACKOFF)
        failures = state.attempt_number
        if isinstance(error, QuotaExceededError):
            # Whoever is refused, the service refuses all.
            failures = max(1, self._quota.refusals_in_a_row)
        doublings = min(failures - 1, _DOUBLINGS)
        return self._jitter(0.0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**doublings))

    def _hopeless(self, state: RetryCallState) -> bool:
        return self._outage.is_hopeless(failure(state, TransientCallError).retry_after)

    async def _rest(self, seconds: float) -> None:
        rests = self._concurrency.rest()
        await self._pause(seconds)
        if rests:
            with self._stop.interruptible(), doing("slot"):
                await self._concurrency.take()

    async def _pause(self, seconds: float) -> None:
        ours = nullcontext() if self._outage.is_delayed else self._outage.asking()
        with self._stop.interruptible(), doing("backoff"), ours:
            await anyio.sleep(seconds)

    def _before_sleep(self, state: RetryCallState) -> None:
        """The one place where a 429 makes all workers wait."""
        error, wait = failure(state, TransientCallError), next_wait(state)
        if isinstance(error, QuotaExceededError) and (
            error.retry_after is not None or self._quota.halts
        ):
            self._quota.pause(wait)
        self._tell(error, wait, state.attempt_number)

    def _tell(self, error: TransientCallError, wait: float, attempt: int) -> None:
        """What failed; the service's words aloud where they are new."""
        self._events.emit(CallFailed(error.reason, error.status, wait, attempt, error.said))
        kind = _NUMBER.sub("0", error.whole)
        if error.said and kind not in self._said and len(self._said) < MOST_SENTENCES:
            self._said.add(kind)
            self._events.emit(ServiceSaid(error.whole))

    def _given_up(self, error: TransientCallError) -> ServiceUnavailableError:
        most, delay = self._outage.most, error.retry_after or 0.0
        if not 0 < self._outage.left < delay:
            return ServiceUnavailableError(
                f"no good answer from the embedding service for {most:g} s; "
                f"the last failure: {error.whole}",
                hint="see the service's status, then run the same command again; "
                "what is embedded is kept",
            )
        at = datetime.now().astimezone() + timedelta(seconds=delay)
        return ServiceUnavailableError(
            f"the embedding service asks to wait {_in_words(delay)} ({error.whole}), longer than "
            f"the run is to go on without a good answer ({most:g} s)",
            hint=f"run the same command again at {at:%Y-%m-%d %H:%M %Z}, or with a larger "
            "--give-up-after; what is embedded is kept",
        )


class _Failures:
    """How one batch fared so far, and from when on it is for its sender to look at its texts."""

    def __init__(
        self,
        tell: Callable[[TransientCallError, float, int], None],
        counter: RetryCounter | None,
        *,
        suspect: bool,
    ) -> None:
        self._tell = tell
        self._counter = counter
        self._most_own = SUSPECT_AFTER if suspect else POISON_AFTER
        self._most_fruitless = SUSPECT_AFTER if suspect else FRUITLESS_AFTER
        self.attempts = self._own = self._fruitless = self._refused = 0

    def note(self, error: TransientCallError) -> None:
        """A failure that is worth another try.

        Raises:
            PoisonBatchError: or not.
        """
        self._own += error.status in _ITS_OWN
        self._fruitless += not isinstance(error, QuotaExceededError)
        if self._counter is not None:
            self._counter.failures += 1
        elif self._own >= self._most_own or self._fruitless >= self._most_fruitless:
            self._tell(error, 0.0, self.attempts)
            raise PoisonBatchError(error.reason, error.status, said=error.said) from error

    def refuse(self, error: CallRefusedError) -> None:
        """A refusal, which a service that is not well may take back.

        Raises:
            CallRefusedError: it is believed.
        """
        self._refused += 1
        if not error.doubtful or self._refused >= REFUSED_AFTER:
            raise error


def _in_words(seconds: float) -> str:
    minutes = -(-int(seconds) // 60)
    return f"{seconds:g} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
