"""The embedding service without its HTTP: who may call, what it costs, what it answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from waypoint.simulator import errors
from waypoint.simulator.answers import AnswerWriter, four_digits
from waypoint.simulator.batch.clock import BatchClock
from waypoint.simulator.batch.faults import CREATE_FAULTS, JobFault
from waypoint.simulator.batch.files import FileStore, StoredFile
from waypoint.simulator.batch.jobs import Job, JobBoard
from waypoint.simulator.batch.rows import Row, failing, read_rows, result_lines
from waypoint.simulator.calls import EmbedCall
from waypoint.simulator.faults import Fault, FaultPicker
from waypoint.simulator.models import KNOWN_MODELS, SimulatedModel
from waypoint.simulator.quota import SECOND_NS, Limit, Quota, QuotaExceeded, Violation
from waypoint.simulator.settings import SimulatorSettings
from waypoint.simulator.stats import SimulatorStats, StatsRecorder
from waypoint.simulator.vectors import Embedder, text_digest
from waypoint.simulator.vertex import Tokens, predict_answer

Clock = Callable[[], int]
"""Nanoseconds of a monotonic clock."""

_VALUES_PER_SLICE = 25_000
"""Made without giving way to other calls: about 3 ms."""

_FIRST_VALUES = {Fault.NAN_VALUE: b"NaN", Fault.NULL_VALUE: b"null"}


class EmbeddingService:
    """The state of one simulated project."""

    def __init__(self, settings: SimulatorSettings, clock: Clock) -> None:
        self.clock = clock
        self.settings = settings
        self.stats = StatsRecorder(clock())
        self._quota = Quota(clock())
        self._embedders = {name: Embedder(name) for name in KNOWN_MODELS}
        self._digits = four_digits()
        self.tokens = Tokens(clock)
        self._sow()
        self.batch_clock = BatchClock(clock, settings.batch_speed)
        self.files = FileStore(self.batch_clock)
        self.jobs = JobBoard(self.batch_clock, self._bill)

    def configure(self, **changes: Any) -> None:
        """Change settings; what the quotas have counted so far stays counted.

        Raises:
            ValueError: a name is unknown or a value impossible; nothing is changed.
        """
        self.settings = self.settings.changed(**changes)
        if changes.keys() & {"faults", "fault_script"}:
            self._faults.configure(self.settings.faults, self.settings.fault_script)
        if changes.keys() & {"job_faults", "job_fault_script"}:
            self._job_faults.configure(self.settings.job_faults, self.settings.job_fault_script)
        if "batch_speed" in changes:
            self.batch_clock.run_at(self.settings.batch_speed)
        if "seed" in changes:
            self._sow()

    def reset(self) -> None:
        """Begin anew with the present settings: counts, quotas, and what was drawn.

        Files and jobs stay; what ended before is not billed anew.
        """
        self.jobs.settle()
        now_ns = self.clock()
        self.stats = self.stats.begun_anew(now_ns)
        self._quota = Quota(now_ns)
        self._sow()

    def check_key(self, key: str) -> None:
        """Raise the Refusal that the key deserves, if any."""
        settings = self.settings
        if key in settings.leaked_keys:
            raise errors.key_leaked()
        wanted = settings.api_key
        if not key or key in settings.refused_keys or (wanted is not None and key != wanted):
            raise errors.key_invalid()

    def admit(self, call: EmbedCall, arrival_ns: int) -> Fault | None:
        """Count a call that has arrived, and draw the fault it is to meet.

        Raises:
            Refusal: it holds poison, does not fit into a quota, or its fault is a 429.
        """
        self.stats.received(arrival_ns, call)
        settings = self.settings
        if settings.poison and any(settings.poison in text for text in call.texts):
            raise errors.invalid_argument("Request contains an invalid argument.")
        texts, tokens = len(call.texts), sum(call.tokens)
        exceeded = self._quota.check(arrival_ns, texts, tokens, settings)
        if exceeded is not None:
            self.stats.refused(exceeded)
            if call.vertex:
                raise errors.vertex_quota_exceeded(call.model)
            if settings.quota_told == "nothing":
                raise errors.resource_exhausted()
            raise errors.quota_exceeded(call.model, settings.tier, exceeded)
        fault = self._faults.pick()
        if settings.spoil and any(settings.spoil in text for text in call.texts):
            fault = settings.spoil_with
        if fault is not None:
            self.stats.met(fault)
        if fault in (Fault.RATE_LIMITED, Fault.EXHAUSTED):
            raise self._pretended_refusal(call, fault)
        self._quota.count(arrival_ns, texts, tokens, settings)
        self.stats.admitted(arrival_ns, call)
        return fault

    def arrival_delay_s(self) -> float:
        """How much longer the way of a call is than the shortest one, in seconds."""
        return self.settings.arrival_jitter_ms * self._jitter.random() / 1000

    def latency_s(self, call: EmbedCall) -> float:
        """How long after its arrival a call is answered, in seconds."""
        settings = self.settings
        return (
            settings.latency_ms
            + settings.latency_per_text_ms * len(call.texts)
            + settings.latency_jitter_ms * self._jitter.random()
        ) / 1000

    async def answer(
        self, call: EmbedCall, fault: Fault | None, *, gzip: bool
    ) -> tuple[bytes, list[bytes]]:
        """The body of a 200, spoilt as ``fault`` asks, and the digests of the call's texts."""
        digests = [text_digest(text) for text in call.texts]
        count = len(digests) - (fault is Fault.TOO_FEW_VECTORS)
        dimensions = call.dimensions - (fault is Fault.WRONG_DIMENSION)
        first_value = b"" if fault is None else _FIRST_VALUES.get(fault, b"")
        if call.vertex == "predict":
            vectors = self._embedders[call.model.name].scaled(
                call.texts[:count], digests[:count], dimensions
            )
            return (
                predict_answer(list(vectors), call.tokens, first_value=first_value, gzip=gzip),
                digests,
            )
        writer = AnswerWriter(self._digits, single=call.single, gzip=gzip)
        embedder = self._embedders[call.model.name]
        step = max(1, _VALUES_PER_SLICE // dimensions)
        for begin in range(0, count, step):
            end = min(begin + step, count)
            vectors = embedder.scaled(call.texts[begin:end], digests[begin:end], dimensions)
            writer.add(vectors, last=end == count, first_value=first_value if begin == 0 else b"")
            await asyncio.sleep(0)
        return writer.finish(sum(call.tokens) if call.model.reports_usage else None), digests

    def _pretended_refusal(self, call: EmbedCall, fault: Fault) -> errors.Refusal:
        """A 429 that no quota is behind; it names the quota only if there is one."""
        if fault is Fault.EXHAUSTED:
            return errors.resource_exhausted()
        settings = self.settings
        delay_ns = round(settings.fault_retry_delay_s * SECOND_NS)
        named = (Violation(Limit.TEXTS_PER_MINUTE, settings.rpm),) if settings.rpm else ()
        return errors.quota_exceeded(call.model, settings.tier, QuotaExceeded(named, delay_ns))

    def snapshot(self) -> SimulatorStats:
        """The counts as they stand, with what has been billed by now."""
        self.jobs.settle()
        return self.stats.snapshot()

    def answers_by_text(self) -> dict[str, int]:
        """How often each text was answered correctly, or billed as a row of a batch job."""
        self.jobs.settle()
        return self.stats.answers_by_text()

    def pick_job_fault(self, among: frozenset[JobFault]) -> JobFault | None:
        """What the upload, or the job, that begins now is to meet."""
        fault = self._job_faults.pick(among)
        if fault is not None:
            self.stats.met(fault)
        return fault

    async def create_job(
        self, model: SimulatedModel, file: StoredFile, display_name: str
    ) -> tuple[Job | None, JobFault | None]:
        """Read an input file and queue its rows; no job if that is what the fault is.

        Raises:
            Refusal: 400 for a file that is not in order, 429 for a queue that is full.
        """
        settings = self.settings
        rows = await read_rows(file.content, model)
        fault = self.pick_job_fault(CREATE_FAULTS)
        if fault is JobFault.CREATE_DROPPED:
            return None, fault
        rows = failing(rows, fault, settings.poison, settings.spoil)
        try:
            job = self.jobs.create(model, display_name, rows, fault, settings)
        except errors.Refusal:
            self.stats.job_refusals += 1
            raise
        self.stats.jobs += 1 + (fault is JobFault.CREATED_TWICE)
        return job, fault

    def result_lines(self, job: Job) -> AsyncIterator[bytes]:
        """The results of a job, some lines at a time."""
        return result_lines(
            job.rows, job.fault, self._embedders[job.model.name], self.settings.seed
        )

    def _bill(self, model: SimulatedModel, rows: Sequence[Row]) -> None:
        self.stats.billed_in_job(
            model,
            sum(row.tokens for row in rows),
            [text_digest(row.text) for row in rows],
            record=self.settings.record_texts,
        )

    def _sow(self) -> None:
        settings = self.settings
        self._job_faults = FaultPicker(
            settings.seed, settings.job_faults, settings.job_fault_script
        )
        self._faults = FaultPicker(settings.seed, settings.faults, settings.fault_script)
        self._jitter = random.Random(settings.seed)  # noqa: S311
