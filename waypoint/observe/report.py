"""The report: what a run did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from waypoint.files import write_whole
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
            ("cut", "split", "present", "from_ledger", "same_text", "to_embed", "added", "updated",
             "deleted", "rejected", "refused_before", "in_jobs"), 0
        )
    )  # fmt: skip
    texts_embedded: int = 0
    tokens_embedded: int = 0
    texts_lost: int = 0
    """Answered and billed, but not saved: they are embedded again."""
    texts_lost_uncounted: int = 0
    """Of them, those that the day's use in the ledger lacks as well."""
    cost_usd: float = 0.0
    """With what was lost."""
    cost_lost_usd: float = 0.0
    calls: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("started", "answered", "retried", "rate_limited"), 0)
    )
    jobs: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("submitted", "settled", "texts_submitted", "texts_committed", "texts_given_back",
             "texts_maybe_billed"), 0
        )
    )  # fmt: skip
    """Batch jobs."""
    stopped_for: str = ""
    """Why a run that ended with exit code 4 did: ``day``, ``budget`` or ``jobs``."""
    retries_by_reason: dict[str, int] = field(default_factory=dict)
    service_said: list[str] = field(default_factory=list)
    """What calls failed of, in the service's own words; each sentence once."""
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

    @property
    def ok(self) -> bool:
        """Whether the collection holds all that was to be ingested."""
        return self.exit_code == 0

    @property
    def is_empty(self) -> bool:
        """Nothing was found, and nothing is there that an earlier run had found."""
        return not (self.files or self.documents["removed"] or self.removals_refused)

    def count_anew(self, *, keep_writes: bool) -> None:
        """The run goes over the folder once more: what is counted of it begins anew.

        ``keep_writes``: what was written is still there, and is not written again.
        """
        # What was deleted is not there to be deleted again.
        kept = {"removed", "deleted"} | ({"added", "updated"} if keep_writes else set())
        for counts in (self.documents, self.chunks):
            counts.update((name, 0) for name in counts.keys() - kept)
        anew = RunReport()
        for name in ("files", "left_out", "outdated", "removals_refused", "rejects", "warnings"):
            setattr(self, name, getattr(anew, name))

    def to_json(self) -> bytes:
        return json_bytes(asdict(self), indent=True)


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
    return write_whole(folder / f"run-{report.run_id}.json", report.to_json())
