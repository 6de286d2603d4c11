"""How far a run is: the one place where its events are counted.

Terminal, live page, metrics and report are views of it, so that they cannot disagree.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from waypoint.observe import events
from waypoint.observe.gauges.histogram import Histogram
from waypoint.observe.latest import Latest
from waypoint.observe.outage import Outage, OutageWatch
from waypoint.observe.outlook import DocumentSums, RateMeter
from waypoint.observe.report import MOST_LISTED, RunReport, count_reason

CALL_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
WRITE_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_MOVES = (
    events.RunStarted,
    events.Surveyed,
    events.FilesFound,
    events.DocumentUnchanged,
    events.DocumentRejected,
    events.DocumentChunked,
    events.ChunksDeduplicated,
    events.CallAnswered,
    events.TextsEmbedded,
    events.TextRejected,
    events.JobSubmitted,
    events.JobSettled,
    events.ChunksWritten,
    events.DocumentCompleted,
    events.DocumentRemoved,
)
"""What shows that work gets done. A call that is sent or fails is none of it."""


_TOO_MANY = 429


class Progress:
    """Listens to a run.

    Args:
        clock: monotonic seconds; now: the wall clock, in UTC.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clock, self._now = clock, now
        self._started = clock()
        self.report = RunReport(started=now().isoformat("T", "seconds"))
        """All that is counted for the report, so far."""
        self.rate = RateMeter(clock)
        self.call_seconds = Histogram(CALL_BOUNDS)
        self.write_seconds = Histogram(WRITE_BOUNDS)
        self.calls_by_status: Counter[str] = Counter()
        self.calls_in_flight = 0
        self._outages = OutageWatch("service", clock), OutageWatch("Chroma", clock)
        self.store_retries = 0
        self.tokens_saved = 0
        self.moves = 0
        self.failure = ""
        """The last one since something moved."""
        self.draining = ""
        self.ended = False
        self.total_files = 0
        self.total_bytes = 0
        """Of the folder; 0 if it was not counted."""
        self._day_until: datetime | None = None
        self.awaited: events.JobsAwaited | None = None
        """The batch jobs that the run waits for, and for nothing else."""
        self._count_anew()

    def _count_anew(self) -> None:
        """What is counted by the pass over the folder."""
        self.more_documents = 0
        """Documents beyond one a file."""
        self.settled_bytes = 0
        """Of documents that make no chunks: unchanged, or rejected."""
        self.sums = DocumentSums()
        self.settled = 0
        """Chunks that are in the collection."""
        self.embedded = 0
        self.latest = Latest(self._now)

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, _MOVES):
            self.moves += 1
            self.failure = ""
        self._count_run(event)
        self._count_documents(event)
        self._count_chunks(event)
        self._count_calls(event)
        self._count_store(event)
        self.latest.take(event)

    @property
    def seconds(self) -> float:
        """Since the run began, until it ended."""
        return self.report.seconds if self.ended else round(self._clock() - self._started, 3)

    @property
    def looked_up(self) -> int:
        """Chunks of which it is known where their vector comes from."""
        chunks = self.report.chunks
        waiting = chunks["refused_before"] + chunks["in_jobs"]
        return chunks["to_embed"] + waiting + self._saved

    @property
    def bytes_left(self) -> int | None:
        """Of documents that are not cut yet; None if the folder was not counted."""
        if not self.total_bytes:
            return None
        return self.total_bytes - self.settled_bytes - self.sums.bytes

    @property
    def share(self) -> float | None:
        """Of the chunks to be expected, those that have their vector; None before it is known.

        Vectors are what takes time: calls and quota bound a run, hardly ever the writing.
        """
        left = self.bytes_left
        if left is None:
            return None
        if left + self.sums.bytes <= 0:
            return 1.0
        if not self.sums.bytes:
            return 0.0
        expected = self.sums.chunks * max(1.0, 1 + left / self.sums.bytes)
        return min(1.0, (self._saved + self.embedded) / expected) if expected else 0.0

    @property
    def outage(self) -> Outage | None:
        """Of the service, or else of Chroma."""
        return next((watch.now for watch in self._outages if watch.now), None)

    @property
    def day_until(self) -> datetime | None:
        """When the run resumes, if it waits for the day's quota."""
        until = self._day_until
        return until if until is not None and until > self._now() else None

    @property
    def _saved(self) -> int:
        """Chunks of this pass whose text need not be embedded for them."""
        chunks = self.report.chunks
        return chunks["present"] + chunks["from_ledger"] + chunks["same_text"]

    def _warn(self, source: str, warning: str) -> None:
        if len(self.report.warnings) < MOST_LISTED:
            self.report.warnings.append({"source": source, "warning": warning})

    def _reject(self, **fields: str) -> None:
        if len(self.report.rejects) < MOST_LISTED:
            self.report.rejects.append(fields)

    def _tell(self, event: events.Event, *names: str) -> None:
        for name in names:
            setattr(self.report, name, getattr(event, name))

    def _count_run(self, event: events.Event) -> None:
        match event:
            case events.RunStarted():
                self._tell(event, "run_id", "collection", "provider", "model", "dimensions",
                           "knowledge_base", "concurrency")  # fmt: skip
            case events.Surveyed():
                self.total_files, self.total_bytes = event.files, event.bytes
            case events.RunRepeated():
                self._count_anew()
                self.report.count_anew(keep_writes=not event.dropped)
            case events.Draining():
                self.draining = event.reason
            case events.MonitorFailed():
                self.report.notices.append(f"no monitor: {event.reason}")
            case events.RunEnded():
                self.ended = True
                self._tell(event, "seconds", "exit_code", "message", "hint", "standing_rejects",
                           "rejects_file")  # fmt: skip
            case _:
                pass

    def _count_documents(self, event: events.Event) -> None:
        report, documents = self.report, self.report.documents
        match event:
            case events.FilesFound():
                report.files += event.files
                documents["unchanged"] += event.unchanged
                report.outdated += event.outdated
                self.settled_bytes += event.unchanged_bytes
            case events.DocumentsFound():
                documents["found"] += event.documents
                self.more_documents += event.documents - event.files
            case events.FileSkipped():
                documents["skipped"] += 1
                count_reason(report.left_out, event.reason)
                if event.named:
                    self._warn(event.source, event.reason)
            case events.DocumentWarning():
                documents["with_warnings"] += event.first
                self._warn(event.source, event.warning)
            case events.DocumentUnchanged():
                documents["unchanged"] += 1
                self.settled_bytes += event.size
            case events.DocumentRejected():
                documents["rejected"] += 1
                self.settled_bytes += event.size
                self._reject(source=event.source, reason=event.reason, hint=event.hint)
            case events.DocumentCompleted():
                documents["ingested"] += 1
            case events.DocumentRemoved():
                documents["removed"] += 1
                report.chunks["deleted"] += event.chunks
            case events.RemovalRefused():
                report.removals_refused += event.documents
                report.notices.append(
                    f"documents not removed: {event.documents:,} ({event.reason})"
                )
            case _:
                pass

    def _count_chunks(self, event: events.Event) -> None:
        report, chunks = self.report, self.report.chunks
        match event:
            case events.DocumentChunked():
                chunks["cut"] += event.chunks
                self.sums.add(event.size, event.chunks)
            case events.ChunksSplit():
                chunks["split"] += event.pieces
            case events.ChunksDeduplicated():
                chunks["present"] += event.present
                chunks["from_ledger"] += event.from_ledger
                chunks["same_text"] += event.same_text
                chunks["to_embed"] += event.to_embed
                chunks["refused_before"] += event.refused
                chunks["in_jobs"] += event.deferred
                self.settled += event.present
                self.tokens_saved += event.tokens_saved
            case events.TextsEmbedded():
                report.texts_embedded += event.texts
                report.tokens_embedded += event.tokens
                report.cost_usd += event.cost_usd
                self.embedded += event.texts
                self.rate.add(event.texts)
            case events.TextsLost():
                report.texts_lost += event.texts
                report.texts_lost_uncounted += 0 if event.counted else event.texts
                report.cost_usd += event.cost_usd
                report.cost_lost_usd += event.cost_usd
            case events.JobsAwaited():
                self.awaited = event if event.jobs else None
            case events.JobSubmitted():
                report.jobs["submitted"] += 1
                report.jobs["texts_submitted"] += event.texts
            case events.JobSettled():
                report.jobs["settled"] += 1
                report.jobs["texts_committed"] += event.committed
                report.jobs["texts_given_back"] += event.returned + event.to_calls
                report.jobs["texts_maybe_billed"] += event.maybe_billed
                report.cost_usd += event.maybe_billed_usd
                report.cost_lost_usd += event.maybe_billed_usd
            case events.TextRejected():
                chunks["rejected"] += 1
                self._reject(source=event.source, chunk=event.chunk_id, reason=event.reason)
            case _:
                pass

    def _count_calls(self, event: events.Event) -> None:
        report, calls = self.report, self.report.calls
        match event:
            case events.CallStarted():
                calls["started"] += 1
                report.in_flight_at_end += event.texts
                self.calls_in_flight += 1
                self.rate.start()
                self._outages[0].asked()
            case events.CallAnswered():
                calls["answered"] += 1
                self._outages[0].answered()
            case events.CallEnded():
                report.in_flight_at_end -= event.texts
                self.calls_in_flight -= 1
                self.call_seconds.add(event.seconds)
                self.calls_by_status["none" if event.status is None else str(event.status)] += 1
            case events.CallFailed():
                calls["retried"] += 1
                calls["rate_limited"] += event.status == _TOO_MANY
                retries = report.retries_by_reason
                retries[event.reason] = retries.get(event.reason, 0) + 1
                self.failure = event.reason
                if event.status != _TOO_MANY:
                    # A 429 is the quota's affair: it says neither good nor bad of the service.
                    self._outages[0].failed(str(event.status or event.reason), event.wait)
            case events.ServiceSaid():
                report.service_said.append(event.message)
            case events.QuotaChanged():
                report.quota_rpm, report.quota_tpm = event.rpm, event.tpm
            case events.ConcurrencyChanged():
                report.calls_at_once = event.limit
            case events.WaitingForDailyReset():
                self._day_until = datetime.fromisoformat(event.until)
            case _:
                pass

    def _count_store(self, event: events.Event) -> None:
        chunks = self.report.chunks
        match event:
            case events.ChunksWritten():
                chunks["added"] += event.added
                chunks["updated"] += event.updated
                chunks["deleted"] += event.deleted
                self.settled += event.added
                self.write_seconds.add(event.seconds)
            case events.StoreRetried():
                self.store_retries += 1
                self.failure = f"{event.operation}: {event.reason}"
                self._outages[1].failed(self.failure, event.wait)
            case events.StoreRecovered():
                self._outages[1].answered()
            case events.StoreNotice():
                self.report.notices.append(event.message)
            case _:
                pass
