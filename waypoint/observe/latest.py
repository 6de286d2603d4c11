"""The latest of what a run completed, rejected and warned of, newest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from waypoint.observe import events

MOST_KEPT = 12
"""Of each."""


@dataclass(frozen=True, slots=True)
class CompletedDocument:
    """A document that was stored."""

    at: str
    """ISO 8601, UTC."""
    source: str
    chunks: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reject:
    """What was rejected, a document or a chunk of it."""

    at: str
    source: str
    chunk: str
    """Empty for a whole document."""
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """What a document lost, or what is odd about it."""

    source: str
    warning: str


class Latest:
    """``now``: the wall clock, in UTC."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.documents: deque[CompletedDocument] = deque(maxlen=MOST_KEPT)
        self.rejects: deque[Reject] = deque(maxlen=MOST_KEPT)
        self.warnings: deque[Warned] = deque(maxlen=MOST_KEPT)

    def take(self, event: events.Event) -> None:
        match event:
            case events.DocumentCompleted(source, chunks, _, seconds):
                self.documents.appendleft(
                    CompletedDocument(self._time(), source, chunks, round(seconds, 1))
                )
            case events.DocumentRejected(source, reason):
                self.rejects.appendleft(Reject(self._time(), source, "", reason))
            case events.TextRejected(source, chunk, reason):
                self.rejects.appendleft(Reject(self._time(), source, chunk, reason))
            case events.DocumentWarning(source, warning):
                self.warnings.appendleft(Warned(source, warning))
            case _:
                pass

    def _time(self) -> str:
        return self._now().isoformat("T", "seconds")
