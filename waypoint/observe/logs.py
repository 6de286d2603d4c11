"""The log: one event a line, as JSON, written on a thread of its own."""

from __future__ import annotations

import queue
import threading
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from waypoint.observe import events
from waypoint.observe.rotation import RotatingFile
from waypoint.sanitize import json_bytes
from waypoint.settings import LogLevel

_LEVELS: dict[type[events.Event], LogLevel] = {
    events.CallStarted: LogLevel.DEBUG,
    events.CallEnded: LogLevel.DEBUG,
    events.FilesFound: LogLevel.DEBUG,
    events.ConcurrencyChanged: LogLevel.DEBUG,
    events.DocumentsFound: LogLevel.DEBUG,
    events.CallFailed: LogLevel.WARNING,
    events.ServiceDelay: LogLevel.WARNING,
    events.ServiceSaid: LogLevel.WARNING,
    events.StoreRetried: LogLevel.WARNING,
    events.FileSkipped: LogLevel.WARNING,
    events.DocumentWarning: LogLevel.WARNING,
    events.StoreNotice: LogLevel.WARNING,
    events.JobsAwaited: LogLevel.DEBUG,
    events.JobDoubled: LogLevel.WARNING,
    events.RemovalRefused: LogLevel.WARNING,
    events.MonitorFailed: LogLevel.WARNING,
    events.DocumentRejected: LogLevel.ERROR,
    events.TextRejected: LogLevel.ERROR,
    events.TextsLost: LogLevel.ERROR,
}
_RANKS = {level: rank for rank, level in enumerate(LogLevel)}

_REST = 0.1
"""Seconds after a line before the next are written: a thread that is woken for each costs more
than the lines do."""

_STAGES: dict[type[events.Event], str] = {
    events.FilesFound: "discover",
    events.FileSkipped: "discover",
    events.DocumentUnchanged: "read",
    events.DocumentWarning: "read",
    events.DocumentRejected: "read",
    events.DocumentsFound: "read",
    events.DocumentChunked: "chunk",
    events.ChunksSplit: "chunk",
    events.ChunksDeduplicated: "deduplicate",
    events.CallStarted: "embed",
    events.CallAnswered: "embed",
    events.CallEnded: "embed",
    events.CallFailed: "embed",
    events.TextsEmbedded: "embed",
    events.TextsLost: "embed",
    events.TextRejected: "embed",
    events.JobsAwaited: "embed",
    events.JobSubmitted: "embed",
    events.JobDoubled: "embed",
    events.JobSettled: "embed",
    events.QuotaChanged: "embed",
    events.ConcurrencyChanged: "embed",
    events.WaitingForDailyReset: "embed",
    events.ServiceDelay: "embed",
    events.ServiceSaid: "embed",
    events.ChunksWritten: "write",
    events.DocumentCompleted: "write",
    events.DocumentRemoved: "remove",
    events.RemovalRefused: "remove",
}


def stage_of(event: events.Event) -> str:
    """The stage an event comes from; empty for those of the run as a whole."""
    return _STAGES.get(type(event), "")


def level_of(event: events.Event) -> LogLevel:
    """How much an event matters: INFO unless it is named above."""
    may_be_quiet = events.FileSkipped | events.DocumentWarning | events.DocumentRejected
    if isinstance(event, may_be_quiet) and not event.named:
        return LogLevel.DEBUG
    return _LEVELS.get(type(event), LogLevel.INFO)


def shown_at(event: events.Event, least: LogLevel) -> bool:
    """Whether an event is to be shown when ``least`` is the least level shown."""
    return _RANKS[level_of(event)] >= _RANKS[least]


def event_name(event: events.Event) -> str:
    """``CallFailed`` becomes ``call_failed``."""
    name = type(event).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def log_record(event: events.Event, run_id: str, at: datetime | None = None) -> dict[str, Any]:
    """An event as a JSON object: time (UTC), level, event, run, stage, and its own fields.

    ``at``: when it happened; now, if it isn't given.
    """
    time = (at or datetime.now(UTC)).isoformat("T", "milliseconds")
    head = {"time": time, "level": level_of(event), "event": event_name(event), "run": run_id}
    if stage := stage_of(event):
        head["stage"] = stage
    names = (field.name for field in fields(event))
    return {**head, **{name: getattr(event, name) for name in names if name != "run_id"}}


class JsonLog:
    """Appends a run's events to ``LOG_DIR/waypoint.jsonl`` while the context is open.

    The loop hands events to a thread, and never waits for the disk: they are lines of the file
    within a tenth of a second, at the latest at the context's end. A file that cannot
    be made or written silences the log, not the run: ``failure`` says why. ``most_bytes`` and
    ``backups`` are :class:`RotatingFile`'s.
    """

    def __init__(
        self, folder: Path, run_id: str, least: LogLevel, *, most_bytes: int = 0, backups: int = 0
    ) -> None:
        self._path = folder / "waypoint.jsonl"
        self._run_id = run_id
        self._least = least
        self._most_bytes = most_bytes
        self._backups = backups
        self._told: queue.SimpleQueue[tuple[datetime, events.Event] | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self.failure: OSError | None = None

    def __call__(self, event: events.Event) -> None:
        if self.failure is None and shown_at(event, self._least):
            self._told.put((datetime.now(UTC), event))

    def __enter__(self) -> JsonLog:
        try:
            self._file = RotatingFile(
                self._path, most_bytes=self._most_bytes, backups=self._backups
            )
        except OSError as error:
            self.failure = error
        else:
            self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._thread.is_alive():
            self._told.put(None)
            self._ending.set()
            self._thread.join()

    def _write(self) -> None:
        try:
            # The close writes what is buffered, and may fail as well.
            with self._file as file:
                while (told := self._told.get()) is not None:
                    at, event = told
                    record = log_record(event, self._run_id, at)
                    file.write(json_bytes(record))
                    if self._told.empty():
                        file.flush()
                        self._ending.wait(_REST)
        except OSError as error:
            self.failure = error
