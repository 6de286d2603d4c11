"""What a person sees while a run goes on: a live display, or a line now and then."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import orjson
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from waypoint import events
from waypoint.settings import LogFormat, LogLevel
from waypoint.telemetry.logs import event_name, log_record, shown_at

RATE_WINDOW = 15.0
"""Seconds over which texts a second are averaged."""
LINE_EVERY = 10.0
"""Seconds between two lines where there is no terminal."""


_LOUD = (
    events.DocumentRejected,
    events.TextRejected,
    events.FileSkipped,
    events.FolderUnreadable,
    events.DocumentWarning,
    events.StoreNotice,
    events.StoreRetried,
    events.RemovalRefused,
    events.Draining,
    events.QuotaChanged,
)
"""What is worth a line of its own at once."""

_QUIET = (events.CallAnswered, events.ChunksLookedUp, events.TextsPaid, events.Surveyed)
"""What is in the log file, but would drown everything else on the console."""


class RunState:
    """The figures of a display, counted from events."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.started = clock()
        self.total_files = 0
        self.total_bytes = 0
        self.seen_files = 0
        self.unchanged_bytes = 0
        self.chunked_bytes = 0
        self.documents = 0
        self.unchanged = 0
        self.rejected = 0
        self.chunks_cut = 0
        self.chunks_settled = 0
        self.chunks_with_vector = 0
        self.texts_paid = 0
        self.cost = 0.0
        self.retried = 0
        self.draining = ""
        self._paid_at: deque[tuple[float, int]] = deque()

    def take(self, event: events.Event) -> None:
        match event:
            case events.Surveyed():
                self.total_files, self.total_bytes = event.files, event.bytes
            case events.FilesFound():
                self.seen_files += event.files
                self.unchanged += event.unchanged
                self.unchanged_bytes += event.unchanged_bytes
            case events.DocumentUnchanged():
                self.unchanged += 1
                self.unchanged_bytes += event.size
            case events.DocumentDone():
                self.documents += 1
            case events.DocumentRejected():
                self.rejected += 1
            case events.DocumentChunked():
                self.chunks_cut += event.chunks
                self.chunked_bytes += event.size
            case events.ChunksLookedUp():
                self.chunks_settled += event.present
                self.chunks_with_vector += event.present + event.paid + event.parked
            case events.ChunksWritten():
                self.chunks_settled += event.added
            case events.TextsPaid():
                self.texts_paid += event.texts
                self.chunks_with_vector += event.texts
                self.cost += event.cost_usd
                self._paid_at.append((self._clock(), event.texts))
            case events.CallFailed():
                self.retried += 1
            case events.Draining():
                self.draining = event.reason
            case _:
                pass

    @property
    def seconds(self) -> float:
        return self._clock() - self.started

    @property
    def rate(self) -> float:
        """Texts paid a second, of late."""
        now = self._clock()
        while self._paid_at and self._paid_at[0][0] < now - RATE_WINDOW:
            self._paid_at.popleft()
        span = min(RATE_WINDOW, max(self.seconds, 0.001))
        return sum(texts for _, texts in self._paid_at) / span

    @property
    def share(self) -> float | None:
        """Of the chunks to be expected, those that have their vector; None before it is known.

        Vectors are what takes time: calls and quota bound a run, hardly ever the writing.
        """
        if not self.total_bytes:
            return None
        to_chunk = self.total_bytes - self.unchanged_bytes
        if to_chunk <= 0:
            return 1.0
        if not self.chunked_bytes:
            return 0.0
        expected = self.chunks_cut * max(1.0, to_chunk / self.chunked_bytes)
        return min(1.0, self.chunks_with_vector / expected) if expected else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None while there is too little to go by."""
        share = self.share
        if share is None or share < 0.01 or self.seconds < 2:
            return None
        return self.seconds * (1 - share) / share


class Display(Protocol):
    """Listens to a run and shows it; a context that tidies up at its end."""

    def __call__(self, event: events.Event) -> None: ...

    def __enter__(self) -> Display: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class LiveDisplay:
    """A progress bar with figures, drawn anew a few times a second, on a terminal.

    ``quota_share``: the share of the quota in use over the last minute, None without one.
    """

    def __init__(self, console: Console, quota_share: Callable[[], float | None]) -> None:
        self._state = RunState(time.monotonic)
        self._console = console
        self._quota_share = quota_share
        self._live = Live(
            console=console, refresh_per_second=4, transient=True, get_renderable=self._draw
        )

    def __call__(self, event: events.Event) -> None:
        self._state.take(event)
        if isinstance(event, events.DocumentRejected):
            self._console.print(Text(f"rejected {event.source}: {event.reason}", style="yellow"))
        elif isinstance(event, events.StoreNotice):
            self._console.print(Text(event.message, style="yellow"))

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def _draw(self) -> RenderableType:
        state = self._state
        # A grid, since a bar by itself does not end its line.
        lines = Table.grid()
        lines.add_row(
            ProgressBar(total=1.0, completed=state.share or 0.0, pulse=state.share is None)
        )
        lines.add_row(Text(" · ".join(figures(state, self._quota_share()))))
        if state.draining:
            lines.add_row(Text(f"stopping ({state.draining}): finishing what is in flight"))
        return lines


class LineDisplay:
    """A line now and then, for logs and pipes. Warnings and rejects are shown at once."""

    def __init__(
        self,
        console: Console,
        quota_share: Callable[[], float | None],
        *,
        form: LogFormat,
        least: LogLevel,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = RunState(clock)
        self._console = console
        self._quota_share = quota_share
        self._form = form
        self._least = least
        self._clock = clock
        self._next_line = clock() + LINE_EVERY
        self._run_id = ""

    def __call__(self, event: events.Event) -> None:
        self._state.take(event)
        if isinstance(event, events.RunStarted):
            self._run_id = event.run_id
        if self._form is LogFormat.JSON:
            if shown_at(event, self._least) and not isinstance(event, _QUIET):
                self._print(orjson.dumps(log_record(event, self._run_id)).decode())
        elif isinstance(event, _LOUD) and shown_at(event, self._least):
            self._print(_sentence(event))
        if self._clock() >= self._next_line:
            self._next_line = self._clock() + LINE_EVERY
            if self._form is LogFormat.TEXT:
                self._print(" · ".join(figures(self._state, self._quota_share())))

    def __enter__(self) -> LineDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


def figures(state: RunState, quota_share: float | None) -> list[str]:
    """The figures of a run under way, each with its unit."""
    files = f"/{state.total_files:,}" if state.total_files else ""
    parts = [
        f"{state.documents + state.unchanged:,}{files} documents",
        f"{state.chunks_settled:,}/{state.chunks_cut:,} chunks",
        f"{state.rate:,.0f} texts/s",
    ]
    if quota_share is not None:
        parts.append(f"{quota_share:.0%} of quota")
    if state.retried:
        parts.append(f"{state.retried:,} retried")
    if state.rejected:
        parts.append(f"{state.rejected:,} rejected")
    parts.append(f"${state.cost:.4f}")
    left = state.seconds_left
    parts.append("time left unknown" if left is None else f"{duration(left)} left")
    return parts


def duration(seconds: float) -> str:
    """``75`` becomes ``1m15s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def _sentence(event: events.Event) -> str:
    match event:
        case events.DocumentRejected():
            return f"rejected {event.source}: {event.reason}"
        case events.TextRejected():
            return f"rejected {event.chunk_id} of {event.source}: {event.reason}"
        case events.FileSkipped() | events.FolderUnreadable():
            return f"left out {event.source}: {event.reason}"
        case events.DocumentWarning():
            return f"warning {event.source}: {event.warning}"
        case events.StoreNotice():
            return event.message
        case events.StoreRetried():
            return f"store: {event.operation} failed ({event.reason}), again in {event.wait:.1f} s"
        case events.RemovalRefused():
            return f"{event.documents:,} documents not removed: {event.reason}"
        case events.Draining():
            return f"stopping ({event.reason}): finishing what is in flight"
        case events.QuotaChanged():
            limits = (
                f"{event.rpm:,} texts" if event.rpm else "any number of texts",
                f"{event.tpm:,} tokens" if event.tpm else "any number of tokens",
            )
            return f"quota: {' and '.join(limits)} a minute ({event.why})"
        case _:
            return event_name(event)
