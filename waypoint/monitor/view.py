"""What the page and ``/health`` show of a run, as JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from waypoint.observe.gauges import StageSnapshot
from waypoint.observe.gauges.process import process_use
from waypoint.observe.status import RunStatus, Standing


def view_of(status: RunStatus) -> dict[str, Any]:
    """Everything that changes."""
    progress, now = status.progress, status.now
    report, latest = progress.report, progress.latest
    return {
        "run": _named(status, "run_id", "started", "collection", "provider", "model", "dimensions",
                      "knowledge_base", "concurrency"),
        "seconds": round(progress.seconds, 1),
        "health": asdict(now.health),
        "doing": now.doing,
        "share": progress.share,
        "outlook": asdict(now.outlook),
        "files": progress.total_files,
        "documents": report.documents,
        "chunks": report.chunks,
        "settled": progress.settled,
        "embedded": {
            "texts": report.texts_embedded,
            "tokens": report.tokens_embedded,
            "usd": report.cost_usd,
        },
        "tokens_saved": progress.tokens_saved,
        "pace": now.rate,
        "quota": asdict(now.quota) if now.quota else None,
        "jobs": report.jobs,
        "calls": report.calls,
        "calls_in_flight": progress.calls_in_flight,
        "retries": report.retries_by_reason,
        "stages": [_stage(now, stage) for stage in now.pipeline.stages],
        "streams": [asdict(stream) for stream in now.pipeline.streams],
        "latest": {
            "documents": [asdict(document) for document in latest.documents],
            "rejects": [asdict(reject) for reject in latest.rejects],
            "warnings": [asdict(warned) for warned in latest.warnings],
        },
        "process": asdict(process_use()),
    }  # fmt: skip


def end_of(status: RunStatus) -> dict[str, Any]:
    """The report's figures, once the run has ended."""
    return _named(status, "run_id", "seconds", "exit_code", "message", "hint", "documents",
                  "chunks", "texts_embedded", "tokens_embedded", "cost_usd", "calls",
                  "standing_rejects", "rejects_file")  # fmt: skip


def health_of(status: RunStatus) -> dict[str, Any]:
    """The answer of ``/health``."""
    health = status.now.health
    since = datetime.now(UTC) - timedelta(seconds=health.stalled_for)
    return {
        "status": health.status,
        "run": status.progress.report.run_id,
        "stage": health.stage,
        "stalled_for": round(health.stalled_for, 1),
        "since": since.isoformat("T", "seconds"),
        "stall_after": status.stall_after,
        "why": health.why,
    }


def _named(status: RunStatus, *names: str) -> dict[str, Any]:
    return {name: getattr(status.progress.report, name) for name in names}


def _stage(now: Standing, stage: StageSnapshot) -> dict[str, Any]:
    """A stage of late: what its workers spend their time on, as shares of it."""
    spent = stage.since(now.before.stage(stage.name))
    time = max(1e-9, (now.pipeline.at - now.before.at) * stage.most_workers)
    return {
        "name": stage.name,
        "workers": stage.workers,
        "most_workers": stage.most_workers,
        "busy": min(1.0, spent.busy / time),
        "waiting_for_input": min(1.0, spent.waiting_for_input / time),
        "waiting_for_room": min(1.0, spent.waiting_for_room / time),
        "items": stage.items_in or stage.items_out,
        "bottleneck": stage.name == now.bottleneck.stage,
    }
