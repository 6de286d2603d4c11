"""What a person sees while a run goes on: a live display, or a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from rich.console import RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from waypoint.observe import events
from waypoint.observe.logs import event_name, log_record, shown_at
from waypoint.observe.outlook import Outlook
from waypoint.observe.status import RunStatus
from waypoint.observe.terminal import Terminal, Text, duration
from waypoint.sanitize import json_bytes
from waypoint.settings import LogFormat, LogLevel

LINE_EVERY = 10.0
"""Seconds between two lines where there is no terminal."""


_LOUD = (
    events.DocumentRejected,
    events.TextRejected,
    events.FileSkipped,
    events.DocumentWarning,
    events.StoreNotice,
    events.JobSubmitted,
    events.JobDoubled,
    events.JobSettled,
    events.StoreRetried,
    events.TextsLost,
    events.RemovalRefused,
    events.Draining,
    events.QuotaChanged,
    events.WaitingForDailyReset,
    events.ServiceDelay,
    events.ServiceSaid,
    events.MonitorReady,
    events.MonitorFailed,
)
"""What is worth a line of its own at once."""

_QUIET = (events.CallAnswered, events.ChunksDeduplicated, events.TextsEmbedded, events.Surveyed)
"""What is in the log file, but would drown everything else on the console."""


class Display(Protocol):
    """Listens to a run and shows it; a context that tidies up at its end."""

    def __call__(self, event: events.Event) -> None: ...

    def __enter__(self) -> Display: ...

    def __exit__(self, *_raised: object) -> None: ...


def figures(status: RunStatus) -> list[str]:
    """The figures of a run under way, each with its unit."""
    progress, now = status.progress, status.now
    report = progress.report
    documents, chunks = report.documents, report.chunks
    whole = f"/{progress.total_files + progress.more_documents:,}" if progress.total_files else ""
    parts = [
        f"{documents['ingested'] + documents['unchanged']:,}{whole} documents",
        f"{progress.settled:,}/{chunks['cut']:,} chunks",
        f"{now.rate:,.0f} texts/s",
    ]
    if now.quota is not None and now.quota.rpm:
        parts.append(f"{now.quota.texts_in_minute / now.quota.rpm:.0%} of quota")
    if report.calls["retried"]:
        parts.append(f"{report.calls['retried']:,} retried")
    if documents["rejected"]:
        parts.append(f"{documents['rejected']:,} rejected")
    parts.append(f"${report.cost_usd:.4f}")
    parts.append(time_left(now.outlook))
    return parts


def time_left(outlook: Outlook) -> str:
    """As a range, or once where both ends look the same."""
    if outlook.seconds is None:
        return "time left unknown"
    low, high = duration(outlook.seconds.low), duration(outlook.seconds.high)
    return f"about {low} left" if low == high else f"{low} to {high} left"


class LiveDisplay:
    """A progress bar with figures, drawn anew a few times a second, on a terminal."""

    def __init__(self, console: Terminal, status: RunStatus) -> None:
        self._status = status
        self._console = console
        self._live = Live(
            console=console, refresh_per_second=4, transient=True, get_renderable=self._draw
        )

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.DocumentRejected) and event.named:
            self._console.print(Text(f"rejected {event.source}: {event.reason}", style="yellow"))
        elif isinstance(event, events.StoreNotice):
            self._console.print(Text(event.message, style="yellow"))
        elif isinstance(event, events.ServiceSaid):
            self._console.print(Text(_sentence(event), style="yellow"))
        elif isinstance(
            event,
            events.MonitorReady | events.MonitorFailed | events.JobDoubled | events.JobSettled,
        ):
            self._console.print(Text(_sentence(event)))

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._live.stop()

    def _draw(self) -> RenderableType:
        share = self._status.progress.share
        # A grid, since a bar by itself does not end its line.
        lines = Table.grid()
        lines.add_row(ProgressBar(total=1.0, completed=share or 0.0, pulse=share is None))
        lines.add_row(Text(" · ".join(figures(self._status))))
        style = "" if self._status.now.health.good else "bold red"
        lines.add_row(Text(self._status.now.doing, style))
        return lines


class LineDisplay:
    """A line now and then, for logs and pipes. Warnings and rejects are shown at once."""

    def __init__(
        self,
        console: Terminal,
        status: RunStatus,
        *,
        form: LogFormat,
        least: LogLevel,
        run_id: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._status = status
        self._console = console
        self._form = form
        self._least = least
        self._clock = clock
        self._next_line = clock() + LINE_EVERY
        self._run_id = run_id

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.RunStarted):
            self._run_id = event.run_id
        if self._form is LogFormat.JSON:
            if shown_at(event, self._least) and not isinstance(event, _QUIET):
                self._print(json_bytes(log_record(event, self._run_id)).decode().rstrip("\n"))
        elif isinstance(event, _LOUD) and shown_at(event, self._least):
            self._print(_sentence(event))
        if self._clock() >= self._next_line:
            self._next_line = self._clock() + LINE_EVERY
            if self._form is LogFormat.TEXT:
                now = self._status.now
                told = figures(self._status)
                self._print(" · ".join(told if now.health.good else [*told, now.doing]))

    def __enter__(self) -> LineDisplay:
        return self

    def __exit__(self, *_raised: object) -> None:
        return

    def _print(self, line: str) -> None:
        self._console.tell(line)


def _sentence(event: events.Event) -> str:
    match event:
        case events.DocumentRejected():
            return f"rejected {event.source}: {event.reason}"
        case events.TextRejected():
            return f"rejected {event.chunk_id} of {event.source}: {event.reason}"
        case events.FileSkipped():
            return f"left out {event.source}: {event.reason}"
        case events.DocumentWarning():
            return f"warning {event.source}: {event.warning}"
        case events.TextsLost() | events.JobSubmitted() | events.JobDoubled() | events.JobSettled():
            return str(event)
        case events.StoreNotice():
            return event.message
        case events.StoreRetried():
            return f"store: {event.operation} failed ({event.reason}), again in {event.wait:.1f} s"
        case events.RemovalRefused():
            return f"documents not removed: {event.documents:,} ({event.reason})"
        case events.Draining():
            return f"stopping ({event.reason}): finishing what is in flight"
        case events.WaitingForDailyReset():
            until = datetime.fromisoformat(event.until).astimezone()
            return f"the day's quota is used up: waiting until {until:%Y-%m-%d %H:%M %Z}"
        case events.ServiceDelay():
            return f"the service asks to wait {duration(event.seconds)} ({event.reason})"
        case events.ServiceSaid():
            return f"the service says: {event.message}"
        case events.QuotaChanged():
            limits = (
                f"{event.rpm:,} texts" if event.rpm else "any number of texts",
                f"{event.tpm:,} tokens" if event.tpm else "any number of tokens",
            )
            return f"quota: {' and '.join(limits)} a minute ({event.why})"
        case events.MonitorReady():
            return f"monitor: {event.url}"
        case events.MonitorFailed():
            return f"no monitor: {event.reason}"
        case _:
            return event_name(event)
