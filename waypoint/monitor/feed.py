"""Server-sent events: what is new, once a second, to every page that listens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio

from waypoint.monitor.history import History
from waypoint.monitor.view import end_of, view_of
from waypoint.observe.status import RunStatus
from waypoint.sanitize import json_bytes

RETRY = 2_000
"""Milliseconds after which a page whose connection broke comes back."""


def encode(event: str, data: Any, number: int | None = None) -> bytes:
    """One event as the standard has it (WHATWG HTML, 9.2): JSON on one line."""
    head = f"event: {event}\n" if number is None else f"event: {event}\nid: {number}\n"
    return head.encode() + b"data: " + json_bytes(data) + b"\n"


class Feed:
    """Made once for all pages; each gets the whole history first, then what is new.

    So a page that comes back needs nothing from before: an id only says how far it was.
    """

    def __init__(self, status: RunStatus) -> None:
        self.history = History()
        self._status = status
        self._number = 0
        self._news = anyio.Event()
        self._latest = b""
        self._encoded = -1

    def tell(self) -> None:
        """Something is new: wake those who listen."""
        progress, quota = self._status.progress, self._status.now.quota
        limit = quota.rpm / 60 if quota is not None and quota.rpm else None
        self.history.add(progress.seconds, progress.report.texts_embedded, limit)
        self._number += 1
        news, self._news = self._news, anyio.Event()
        news.set()

    async def listen(self) -> AsyncIterator[bytes]:
        """The events for one page, until the run has ended."""
        history = self.history
        yield f"retry: {RETRY}\n\n".encode()
        step, known = 0.0, 0
        while True:
            news = self._news
            if step != history.step:
                # At first, and when points were joined: all of them are other ones.
                step, known = history.step, 0
            if known < history.complete or not known:
                told = {"step": step, **self._points(known)}
                known = history.complete
                yield encode("history", told)
            if self._status.progress.ended:
                yield encode(
                    "ended", {"view": view_of(self._status), "report": end_of(self._status)}
                )
                return
            yield self._state()
            await news.wait()

    def _state(self) -> bytes:
        if self._encoded != self._number or not self._latest:
            self._latest = encode("state", view_of(self._status), self._number)
            self._encoded = self._number
        return self._latest

    def _points(self, index: int) -> dict[str, Any]:
        """The history's complete points from that one on."""
        points = self.history.since(index)
        return {"from": max(0, index), "points": [[point.texts, point.limit] for point in points]}
