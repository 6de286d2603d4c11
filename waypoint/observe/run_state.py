"""The figures of a run under way, counted from its events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from waypoint.observe import events

RATE_WINDOW = 15.0
"""Seconds over which texts a second are averaged."""


class RunState:
    """The figures of a display, counted from events."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.started = clock()
        self.total_files = 0
        self.total_bytes = 0
        self._count_anew()
        self.texts_paid = 0
        self.cost = 0.0
        self.retried = 0
        self.draining = ""
        self._paid_at: deque[tuple[float, int]] = deque()

    def _count_anew(self) -> None:
        self.more_documents = 0
        """Documents beyond one a file."""
        self.seen_files = 0
        self.unchanged_bytes = 0
        self.chunked_bytes = 0
        self.documents = 0
        self.unchanged = 0
        self.rejected = 0
        self.chunks_cut = 0
        self.chunks_settled = 0
        self.chunks_with_vector = 0

    def take(self, event: events.Event) -> None:
        match event:
            case events.RunRepeated():
                self._count_anew()
            case events.Surveyed():
                self.total_files, self.total_bytes = event.files, event.bytes
            case events.FilesFound():
                self.seen_files += event.files
                self.unchanged += event.unchanged
                self.unchanged_bytes += event.unchanged_bytes
            case events.DocumentsFound():
                self.more_documents += event.documents - event.files
            case events.DocumentUnchanged():
                self.unchanged += 1
                self.unchanged_bytes += event.size
            case events.DocumentCompleted():
                self.documents += 1
            case events.DocumentRejected():
                self.rejected += 1
                self.unchanged_bytes += event.size
            case events.DocumentChunked():
                self.chunks_cut += event.chunks
                self.chunked_bytes += event.size
            case events.ChunksDeduplicated():
                self.chunks_settled += event.present
                self.chunks_with_vector += event.present + event.from_ledger + event.same_text
            case events.ChunksWritten():
                self.chunks_settled += event.added
            case events.TextsEmbedded():
                self.texts_paid += event.texts
                self.chunks_with_vector += event.texts
                self.cost += event.cost_usd
                self._paid_at.append((self._clock(), event.texts))
            case events.TextsLost():
                self.cost += event.cost_usd
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


def figures(state: RunState, quota_share: float | None) -> list[str]:
    """The figures of a run under way, each with its unit."""
    whole = f"/{state.total_files + state.more_documents:,}" if state.total_files else ""
    parts = [
        f"{state.documents + state.unchanged:,}{whole} documents",
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
