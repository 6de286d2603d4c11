"""What happened, counted: for tests and benchmarks to ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from waypoint.simulator.batch.faults import JobFault
from waypoint.simulator.calls import EmbedCall
from waypoint.simulator.faults import Fault
from waypoint.simulator.models import SimulatedModel
from waypoint.simulator.quota import MINUTE_NS, SECOND_NS, Limit, QuotaExceeded, Window


@dataclass(frozen=True, slots=True)
class SimulatorStats:
    """Counts since the start or the last reset: of embedding calls, uploads and batch jobs.

    *Received* is every text of a call that was in order, refused by a quota or not;
    *admitted* what the quotas let in; *answered* what was given its correct vector by an
    answer that was handed to the system's socket to the last byte.
    """

    calls: int
    calls_by_status: Mapping[str, int]
    """Answers sent whole, by HTTP status."""
    faults: Mapping[str, int]
    """Calls that met a fault, by ``Fault``; uploads and jobs, by ``JobFault``."""
    quota_refusals: Mapping[str, int]
    """429 by ``Limit``; a call that breaks several counts for each."""
    abandoned: int
    """Calls whose client left before a faultless answer was sent whole."""
    texts_received: int
    tokens_received: int
    texts_over_token_limit: int
    """Received texts that the real model would cut."""
    texts_admitted: int
    tokens_admitted: int
    texts_answered: int
    tokens_answered: int
    peak_texts_received: int
    """In any sliding 60 s, like the next three."""
    peak_tokens_received: int
    peak_texts_admitted: int
    peak_tokens_admitted: int
    calls_in_flight: int
    peak_calls_in_flight: int
    uploads: int
    """Files that were taken in whole."""
    jobs: int
    """Batch jobs that were made."""
    job_refusals: int
    """429 of a request for one."""
    held: int
    """Requests about jobs that were held, as ``job_hold`` says."""
    job_texts_billed: int
    """Rows of ended jobs that were done without an error, whether or not anyone gets the results.
    ``answers_by_text`` has them as well."""
    job_tokens_billed: int
    cost_usd: float
    """Of answered texts, and of billed rows at half the price."""
    first_arrival_s: float | None
    """Seconds from the start or reset; of the first and the last call in order."""
    last_arrival_s: float | None


class _Flow:
    """Texts and tokens that passed a point, and the most that did within 60 s."""

    def __init__(self) -> None:
        self.texts = self.tokens = self.peak_texts = self.peak_tokens = 0
        self._texts_window = Window(MINUTE_NS)
        self._tokens_window = Window(MINUTE_NS)

    def add(self, now_ns: int, texts: int, tokens: int) -> None:
        self.texts += texts
        self.tokens += tokens
        self.peak_texts = max(self.peak_texts, self._texts_window.add(now_ns, texts))
        self.peak_tokens = max(self.peak_tokens, self._tokens_window.add(now_ns, tokens))


class StatsRecorder:
    """Counts as calls go by. Times are nanoseconds of the simulator's clock."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._calls = self._abandoned = self._over_limit = 0
        self._in_flight = self._peak_in_flight = 0
        self._texts_answered = self._tokens_answered = 0
        self._statuses: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._refusals: Counter[Limit] = Counter()
        self._received = _Flow()
        self._admitted = _Flow()
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self._answers_by_text: Counter[bytes] = Counter()
        self.uploads = self.jobs = self.job_refusals = self.held = 0
        self._job_texts = self._job_tokens = 0
        self._cost_usd = 0.0

    def call_begins(self) -> None:
        self._calls += 1
        self._in_flight += 1
        self._peak_in_flight = max(self._peak_in_flight, self._in_flight)

    def call_ends(self) -> None:
        self._in_flight -= 1

    def received(self, now_ns: int, call: EmbedCall) -> None:
        if self._first_ns is None:
            self._first_ns = now_ns
        self._last_ns = now_ns
        self._received.add(now_ns, len(call.texts), sum(call.tokens))
        limit = call.model.input_token_limit
        self._over_limit += sum(tokens > limit for tokens in call.tokens)

    def refused(self, exceeded: QuotaExceeded) -> None:
        self._refusals.update(violation.limit for violation in exceeded.violations)

    def admitted(self, now_ns: int, call: EmbedCall) -> None:
        self._admitted.add(now_ns, len(call.texts), sum(call.tokens))

    def met(self, fault: Fault | JobFault) -> None:
        self._faults[fault] += 1

    def sent(self, status: int) -> None:
        self._statuses[str(status)] += 1

    def answered(self, call: EmbedCall, digests: Sequence[bytes], *, record: bool) -> None:
        self._texts_answered += len(call.texts)
        self._tokens_answered += sum(call.tokens)
        self._cost_usd += sum(call.tokens) * call.model.usd_per_million_tokens / 1_000_000
        if record:
            self._answers_by_text.update(digests)

    def billed_in_job(
        self, model: SimulatedModel, tokens: int, digests: Sequence[bytes], *, record: bool
    ) -> None:
        """Rows of a batch job, at half the price of a call."""
        self._job_texts += len(digests)
        self._job_tokens += tokens
        self._cost_usd += tokens * model.usd_per_million_tokens / 2 / 1_000_000
        if record:
            self._answers_by_text.update(digests)

    def abandoned(self) -> None:
        self._abandoned += 1

    def answers_by_text(self) -> dict[str, int]:
        """How often each text was answered correctly, by its SHA-256 in hexadecimal."""
        return {digest.hex(): count for digest, count in self._answers_by_text.items()}

    def begun_anew(self, now_ns: int) -> StatsRecorder:
        """A recorder with nothing in it but the calls that are in flight."""
        fresh = StatsRecorder(now_ns)
        fresh._in_flight = fresh._peak_in_flight = self._in_flight
        return fresh

    def snapshot(self) -> SimulatorStats:
        """The counts as they stand."""
        return SimulatorStats(
            calls=self._calls,
            calls_by_status=dict(self._statuses),
            faults={str(fault): count for fault, count in self._faults.items()},
            quota_refusals={str(limit): count for limit, count in self._refusals.items()},
            abandoned=self._abandoned,
            texts_received=self._received.texts,
            tokens_received=self._received.tokens,
            texts_over_token_limit=self._over_limit,
            texts_admitted=self._admitted.texts,
            tokens_admitted=self._admitted.tokens,
            texts_answered=self._texts_answered,
            tokens_answered=self._tokens_answered,
            peak_texts_received=self._received.peak_texts,
            peak_tokens_received=self._received.peak_tokens,
            peak_texts_admitted=self._admitted.peak_texts,
            peak_tokens_admitted=self._admitted.peak_tokens,
            calls_in_flight=self._in_flight,
            peak_calls_in_flight=self._peak_in_flight,
            uploads=self.uploads,
            jobs=self.jobs,
            job_refusals=self.job_refusals,
            held=self.held,
            job_texts_billed=self._job_texts,
            job_tokens_billed=self._job_tokens,
            cost_usd=self._cost_usd,
            first_arrival_s=self._since_start(self._first_ns),
            last_arrival_s=self._since_start(self._last_ns),
        )

    def _since_start(self, time_ns: int | None) -> float | None:
        return None if time_ns is None else (time_ns - self._start_ns) / SECOND_NS
