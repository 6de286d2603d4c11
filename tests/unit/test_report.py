"""The report is counted from events, and every count is somebody's question."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from waypoint.observe import events
from waypoint.observe.progress import Progress
from waypoint.observe.report import (
    MOST_LISTED,
    MOST_REASONS,
    OTHER_REASONS,
    RunReport,
    write_report,
)


def report_of(*told: events.Event) -> RunReport:
    """The report after these events."""
    progress = Progress()
    for event in told:
        progress(event)
    return progress.report


def test_a_run_as_a_whole() -> None:
    """Who, with what, for how long, and how it ended."""
    report = report_of(
        events.RunStarted("r1", "kb", "gemini", "m", 768, "/kb", 8),
        events.RunEnded(2, 1, "said", "way out", 2.5),
    )
    assert (report.run_id, report.collection, report.provider) == ("r1", "kb", "gemini")
    assert (report.model, report.dimensions, report.concurrency) == ("m", 768, 8)
    assert (report.seconds, report.exit_code, report.standing_rejects) == (2.5, 1, 2)
    assert (report.message, report.hint) == ("said", "way out")
    assert orjson.loads(report.to_json())["knowledge_base"] == "/kb"


def test_documents() -> None:
    """Found, unchanged by their times or by their bytes, ingested, removed, rejected, left out."""
    report = report_of(
        events.FilesFound(10, 1_000, 4, 400),
        events.DocumentsFound(4, 4),
        events.DocumentsFound(1, 5),
        events.DocumentUnchanged("a.md", 10),
        events.DocumentCompleted("b.md", 3, 100),
        events.DocumentRemoved("c.md", 5),
        events.DocumentRejected("d.md", "why", "hint"),
        events.FileSkipped("e.exe", "no reader", named=False),
        events.FileSkipped("link.md", "symbolic link to nothing"),
        events.DocumentWarning("g.md", "odd", first=True),
        events.DocumentWarning("g.md", "odder"),
    )
    assert report.documents == {
        "found": 9, "unchanged": 5, "ingested": 1, "removed": 1, "rejected": 1, "skipped": 2,
        "with_warnings": 1,
    }  # fmt: skip
    assert report.chunks["deleted"] == 5
    assert report.rejects == [{"source": "d.md", "reason": "why", "hint": "hint"}]
    assert [warning["source"] for warning in report.warnings] == ["link.md", "g.md", "g.md"]
    assert report.files == 10
    assert report.left_out == {"no reader": 1, "symbolic link to nothing": 1}


def test_chunks_and_what_they_cost() -> None:
    """Where vectors came from, what was written, and what was embedded."""
    report = report_of(
        events.DocumentChunked("a.md", 100, 20, 90),
        events.ChunksSplit("a.md", 7),
        events.ChunksSplit("b.md", 2),
        events.ChunksDeduplicated(present=1, from_ledger=2, same_text=3, to_embed=14),
        events.TextsEmbedded(10, 1_000, 0.25),
        events.TextsEmbedded(3, 200, 0.5),
        events.TextRejected("a.md", "a:1", "refused"),
        events.ChunksWritten(18, 1, 4, 0.1),
    )
    assert report.chunks == {
        "cut": 20, "split": 9, "present": 1, "from_ledger": 2, "same_text": 3, "to_embed": 14,
        "added": 18, "updated": 1, "deleted": 4, "rejected": 1,
        "refused_before": 0, "in_jobs": 0,
    }  # fmt: skip
    assert (report.texts_embedded, report.tokens_embedded, report.cost_usd) == (13, 1_200, 0.75)
    assert report.rejects == [{"source": "a.md", "chunk": "a:1", "reason": "refused"}]


def test_calls_and_what_was_in_flight() -> None:
    """A call whose end is not known stays in flight: its texts may have been billed."""
    report = report_of(
        events.CallStarted(100, 9_000, 1),
        events.CallEnded(100),
        events.CallFailed("429 RESOURCE_EXHAUSTED", 429, 1.0, 1),
        events.CallStarted(100, 9_000, 2),
        events.CallEnded(100),
        events.CallAnswered(100, 9_000, 0.3),
        events.CallFailed("503 UNAVAILABLE", 503, 1.0, 1),
        events.CallStarted(40, 3_000, 2),
        events.QuotaChanged(3_000, 0, "the service said so"),
    )
    assert report.calls == {"started": 3, "answered": 1, "retried": 2, "rate_limited": 1}
    assert report.retries_by_reason == {"429 RESOURCE_EXHAUSTED": 1, "503 UNAVAILABLE": 1}
    assert report.in_flight_at_end == 40
    assert (report.quota_rpm, report.quota_tpm) == (3_000, 0)


def test_notices() -> None:
    """What the store had to say, and what was not removed."""
    report = report_of(
        events.StoreNotice("written anew"), events.RemovalRefused(7, "the folder is empty")
    )
    assert report.notices == ["written anew", "documents not removed: 7 (the folder is empty)"]
    assert report.removals_refused == 7


def test_endless_rejects_do_not_fill_memory() -> None:
    """All are counted, the first thousand listed."""
    rejects = [events.DocumentRejected(f"{n}.md", "why", "") for n in range(MOST_LISTED + 5)]
    skipped = [events.FileSkipped(f"{n}", f"no reader for .{n}") for n in range(MOST_LISTED + 5)]
    report = report_of(*rejects, *skipped)
    assert sum(report.left_out.values()) == report.documents["skipped"]
    assert report.left_out[OTHER_REASONS] == MOST_LISTED + 5 - MOST_REASONS
    assert report.documents["rejected"] == report.documents["skipped"] == MOST_LISTED + 5
    assert len(report.rejects) == len(report.warnings) == MOST_LISTED


def test_it_is_written_under_its_runs_name(tmp_path: Path) -> None:
    """As JSON, and nothing is left beside it; a folder that is none is an error."""
    report = report_of(events.RunStarted("r1", "kb", "gemini", "m", 768, "/kb", 8))
    path = write_report(report, tmp_path)
    assert path == tmp_path / "run-r1.json"
    assert path.read_bytes() == report.to_json()
    with pytest.raises(FileNotFoundError):
        write_report(report, tmp_path / "missing")
    assert list(tmp_path.iterdir()) == [path]
