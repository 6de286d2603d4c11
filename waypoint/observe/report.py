"""The report: what a run did, counted from its events."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import singledispatchmethod
from pathlib import Path
from typing import Any

from waypoint.files import written_whole
from waypoint.observe import events
from waypoint.sanitize import json_bytes

MOST_LISTED = 1_000
"""Rejects and warnings that are listed; all of them are counted."""

MOST_REASONS = 100
OTHER_REASONS = "other reasons"
"""In place of more than that many: a folder may hold any number of suffixes."""


@dataclass(slots=True)
class RunReport:
    """What one run did. Seconds, US dollars; counts of documents, chunks, texts and calls."""

    run_id: str = ""
    started: str = ""
    seconds: float = 0.0
    exit_code: int = 0
    message: str = ""
    hint: str = ""
    collection: str = ""
    provider: str = ""
    model: str = ""
    dimensions: int = 0
    knowledge_base: str = ""
    concurrency: int | str = 0
    """As it was asked for: a number, or ``auto``."""
    calls_at_once: int = 0
    """What ``auto`` had come to at the end; 0 for a fixed number."""
    files: int = 0
    """Found by the walk, those that it rejects among them. A file may be many documents."""
    documents: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("found", "unchanged", "ingested", "removed", "rejected", "skipped", "with_warnings"), 0
        )
    )
    left_out: dict[str, int] = field(default_factory=dict)
    """What ``documents["skipped"]`` is made of: files, and folders left out as a whole, by
    reason."""
    chunks: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("cut", "split", "present", "from_ledger", "same_text", "to_pay", "added", "updated",
             "deleted", "rejected", "refused_before"), 0
        )
    )  # fmt: skip
    texts_paid: int = 0
    tokens_paid: int = 0
    texts_lost: int = 0
    """Answered and billed, but not saved: they are paid for again."""
    texts_lost_uncounted: int = 0
    """Of them, those that the day's use in the ledger lacks as well."""
    cost_usd: float = 0.0
    """With what was lost."""
    cost_lost_usd: float = 0.0
    calls: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("started", "answered", "retried", "rate_limited"), 0)
    )
    retries_by_reason: dict[str, int] = field(default_factory=dict)
    in_flight_at_end: int = 0
    """Texts of calls that were sent and whose answer never came: at most these may have been
    billed without being stored."""
    standing_rejects: int = 0
    rejects_file: str = ""
    """Lists all that stand rejected; empty if it was not written."""
    outdated: int = 0
    """Of the unchanged documents, those that an earlier version of their reader made."""
    removals_refused: int = 0
    quota_rpm: int = 0
    quota_tpm: int = 0
    cpu_seconds: float = 0.0
    """Of this process: neither of the private Chroma server nor of a simulator."""
    peak_memory_bytes: int = 0
    """Likewise."""
    stages: list[dict[str, Any]] = field(default_factory=list)
    """Where the time went; docs/benchmark.md explains the figures."""
    bound_by: str = ""
    """The stage that bound the run, in words."""
    loop_delay: dict[str, float] = field(default_factory=dict)
    """Seconds by quantile; measured only with STATS_INTERVAL."""
    rejects: list[dict[str, str]] = field(default_factory=list)
    """What this run met."""
    standing: list[dict[str, str]] = field(default_factory=list)
    """What stands rejected at its end, from this run or an earlier one."""
    warnings: list[dict[str, str]] = field(default_factory=list)
    """What documents lost or what is odd about them, also those that are unchanged."""
    notices: list[str] = field(default_factory=list)

    def to_json(self) -> bytes:
        return json_bytes(asdict(self), indent=True)


class ReportBuilder:
    """Listens to a run and keeps its report."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.report = RunReport(started=datetime.now(UTC).isoformat("T", "seconds"))
        self._clock = clock
        self._started = clock()
        self._retries: Counter[str] = Counter()

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return round(self._clock() - self._started, 3)

    def __call__(self, event: events.Event) -> None:
        self._take(event)

    def _warn(self, source: str, warning: str) -> None:
        if len(self.report.warnings) < MOST_LISTED:
            self.report.warnings.append({"source": source, "warning": warning})

    def _list_reject(self, **fields: str) -> None:
        if len(self.report.rejects) < MOST_LISTED:
            self.report.rejects.append(fields)

    @singledispatchmethod
    def _take(self, _event: Any) -> None:
        """Most events only concern the display."""

    @_take.register
    def _(self, event: events.RunStarted) -> None:
        for name in ("run_id", "collection", "provider", "model", "dimensions", "knowledge_base",
                     "concurrency"):  # fmt: skip
            setattr(self.report, name, getattr(event, name))

    @_take.register
    def _(self, event: events.RunRepeated) -> None:
        report, anew = self.report, RunReport()
        # What was deleted is not there to be deleted again.
        kept = (
            {"removed", "deleted"} if event.dropped else {"removed", "deleted", "added", "updated"}
        )
        for counts in (report.documents, report.chunks):
            counts.update((name, 0) for name in counts.keys() - kept)
        for name in ("files", "left_out", "outdated", "removals_refused", "rejects", "warnings"):
            setattr(report, name, getattr(anew, name))

    @_take.register
    def _(self, event: events.FilesFound) -> None:
        self.report.files += event.files
        self.report.documents["unchanged"] += event.unchanged
        self.report.outdated += event.outdated

    @_take.register
    def _(self, event: events.DocumentsFound) -> None:
        self.report.documents["found"] += event.documents

    @_take.register
    def _(self, event: events.FileSkipped) -> None:
        self.report.documents["skipped"] += 1
        count_reason(self.report.left_out, event.reason)
        if event.named:
            self._warn(event.source, event.reason)

    @_take.register
    def _(self, event: events.DocumentWarning) -> None:
        self.report.documents["with_warnings"] += event.first
        self._warn(event.source, event.warning)

    @_take.register
    def _(self, _event: events.DocumentUnchanged) -> None:
        self.report.documents["unchanged"] += 1

    @_take.register
    def _(self, event: events.DocumentRejected) -> None:
        self.report.documents["rejected"] += 1
        self._list_reject(source=event.source, reason=event.reason, hint=event.hint)

    @_take.register
    def _(self, event: events.DocumentChunked) -> None:
        self.report.chunks["cut"] += event.chunks

    @_take.register
    def _(self, event: events.ChunksSplit) -> None:
        self.report.chunks["split"] += event.pieces

    @_take.register
    def _(self, event: events.ChunksDeduplicated) -> None:
        chunks = self.report.chunks
        chunks["present"] += event.present
        chunks["from_ledger"] += event.from_ledger
        chunks["same_text"] += event.same_text
        chunks["to_pay"] += event.to_embed
        chunks["refused_before"] += event.refused

    @_take.register
    def _(self, event: events.CallStarted) -> None:
        self.report.calls["started"] += 1
        self.report.in_flight_at_end += event.texts

    @_take.register
    def _(self, _event: events.CallAnswered) -> None:
        self.report.calls["answered"] += 1

    @_take.register
    def _(self, event: events.CallEnded) -> None:
        self.report.in_flight_at_end -= event.texts

    @_take.register
    def _(self, event: events.CallFailed) -> None:
        self.report.calls["retried"] += 1
        self.report.calls["rate_limited"] += event.status == 429
        self._retries[event.reason] += 1
        self.report.retries_by_reason = dict(self._retries)

    @_take.register
    def _(self, event: events.TextsEmbedded) -> None:
        self.report.texts_paid += event.texts
        self.report.tokens_paid += event.tokens
        self.report.cost_usd += event.cost_usd

    @_take.register
    def _(self, event: events.TextsLost) -> None:
        self.report.texts_lost += event.texts
        self.report.texts_lost_uncounted += 0 if event.counted else event.texts
        self.report.cost_usd += event.cost_usd
        self.report.cost_lost_usd += event.cost_usd

    @_take.register
    def _(self, event: events.TextRejected) -> None:
        self.report.chunks["rejected"] += 1
        self._list_reject(source=event.source, chunk=event.chunk_id, reason=event.reason)

    @_take.register
    def _(self, event: events.QuotaChanged) -> None:
        self.report.quota_rpm, self.report.quota_tpm = event.rpm, event.tpm

    @_take.register
    def _(self, event: events.ConcurrencyChanged) -> None:
        self.report.calls_at_once = event.limit

    @_take.register
    def _(self, event: events.ChunksWritten) -> None:
        chunks = self.report.chunks
        chunks["added"] += event.added
        chunks["updated"] += event.updated
        chunks["deleted"] += event.deleted

    @_take.register
    def _(self, _event: events.DocumentCompleted) -> None:
        self.report.documents["ingested"] += 1

    @_take.register
    def _(self, event: events.DocumentRemoved) -> None:
        self.report.documents["removed"] += 1
        self.report.chunks["deleted"] += event.chunks

    @_take.register
    def _(self, event: events.RemovalRefused) -> None:
        self.report.removals_refused += event.documents
        self.report.notices.append(f"documents not removed: {event.documents:,} ({event.reason})")

    @_take.register
    def _(self, event: events.StoreNotice) -> None:
        self.report.notices.append(event.message)

    @_take.register
    def _(self, event: events.MonitorFailed) -> None:
        self.report.notices.append(f"no monitor: {event.reason}")

    @_take.register
    def _(self, event: events.RunEnded) -> None:
        self.report.seconds = self.seconds
        self.report.exit_code = event.exit_code
        self.report.standing_rejects = event.standing_rejects
        self.report.message, self.report.hint = event.message, event.hint


def count_reason(counts: dict[str, int], reason: str) -> None:
    """Count a reason for leaving something out, one of ``MOST_REASONS`` or of the others."""
    known = reason in counts or len(counts) < MOST_REASONS
    reason = reason if known else OTHER_REASONS
    counts[reason] = counts.get(reason, 0) + 1


def write_report(report: RunReport, folder: Path) -> Path:
    """Write the report as JSON, named by its run.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / f"run-{report.run_id}.json"
    with written_whole(path) as file:
        file.write(report.to_json())
    return path
