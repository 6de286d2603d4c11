"""How a call to Chroma is made: within a time, tried again while the server is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import anyio
import httpx2
from anyio import to_thread
from tenacity import RetryCallState, wait_random_exponential

from waypoint.attempts import attempts, failure, next_wait
from waypoint.errors import DiskFullError, StoreDamagedError, StoreUnavailableError, no_more_files
from waypoint.observe.events import EventBus, StoreRecovered, StoreRetried
from waypoint.observe.gauges import doing
from waypoint.storage.chroma.service_errors import (
    TransientStoreError,
    damaged,
    translate_store_error,
)
from waypoint.storage.temporary import is_full

T = TypeVar("T")

CALL_TIMEOUT = 120.0
"""Seconds; a write of 5,000 rows was seen to take 9 s. The client has no limit of its own."""

SUSPECT_AFTER = 10.0
"""Seconds after which an internal error of a private server counts as damage. Somebody else's
server is given all the time there is: its other users would feel it if we were rash."""


class StoreCalls:
    """Makes calls to one server.

    Args:
        revive: starts the server again if it is ours and dead.
        give_up_after: seconds during which a server that went away is tried again, from an
            operation's first failure on: a call may hang for as long before it fails.
        folder: of a private server, whose disk can be looked at.
        stop: ends the server if it is ours, so that ``revive`` starts it again.
    """

    def __init__(
        self,
        events: EventBus,
        revive: Callable[[], Awaitable[bool]] | None,
        give_up_after: float,
        *,
        folder: Path | None = None,
        stop: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._events = events
        self._revive = revive
        self._give_up_after = give_up_after
        self._folder = folder
        self._stop = stop
        self._stops = 0

    async def run(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        """One operation, which must do no harm when it is done twice.

        Raises:
            StoreUnavailableError: the server stayed away.
            StoreDamagedError: it answers, but cannot work.
            StoreWriteError: it has no room to write.
            OpenFilesError: no connection can be opened.
        """
        failing_since: float | None = None

        def hopeless(state: RetryCallState) -> bool:
            nonlocal failing_since
            now = anyio.current_time()
            failing_since = now if failing_since is None else failing_since
            return now - failing_since >= self._time_for(failure(state, TransientStoreError))

        try:
            # Waiting for a server that is away is its time as well.
            with doing("store"):
                done = await attempts(
                    lambda: self._with_room(operation, call),
                    TransientStoreError,
                    wait=wait_random_exponential(multiplier=0.2, max=10),
                    stop=hopeless,
                    before_sleep=lambda state: self._report(operation, state),
                )
        except TransientStoreError as error:
            if self._is_suspicious(error):
                raise damaged(operation, str(error)) from error
            raise StoreUnavailableError(
                f"Chroma did not answer for {self._give_up_after:g} s ({operation}: {error})",
                hint="see that the server runs and can be reached, then run the same command "
                "again; what is embedded is kept",
            ) from error
        if failing_since is not None:
            seconds = anyio.current_time() - failing_since
            self._events.emit(StoreRecovered(operation, seconds))
        return done

    async def _with_room(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        """An attempt. What fails on a full disk is not tried again: Chroma does not always say
        that it is full, and was seen to hang at the next call."""
        try:
            return await self._attempt(operation, call)
        except (TransientStoreError, StoreDamagedError) as error:
            if self._folder is None or not await to_thread.run_sync(is_full, self._folder):
                raise
            raise DiskFullError(
                f"the disk is full beneath Chroma's files in {self._folder} ({operation}: {error})",
                hint="free disk space there, then run the same command again",
            ) from error

    async def _attempt(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        if self._revive is not None and await self._revive():
            # Not what may answer in its place: any other program may have been given its port.
            raise TransientStoreError("the private server had ended")
        stops = self._stops
        try:
            return await self._made(operation, call)
        except TransientStoreError as error:
            # Unless that was of a server which was stopped meanwhile.
            if error.stuck and self._stop is not None and stops == self._stops:
                await self._stop_server(self._stop, operation, error)
            raise

    async def _made(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            with anyio.fail_after(CALL_TIMEOUT):
                return await call()
        except TimeoutError as error:
            raise TransientStoreError(f"no answer within {CALL_TIMEOUT:g} s", stuck=True) from error
        except httpx2.TransportError as error:
            if self._revive is not None:
                await self._revive()
            raise no_more_files(error) or TransientStoreError(type(error).__name__) from error
        except Exception as error:
            raise translate_store_error(operation, error) from error

    async def _stop_server(
        self, stop: Callable[[], Awaitable[None]], operation: str, error: TransientStoreError
    ) -> None:
        """So that the next attempt is made to a new one; that helps once, or not at all."""
        if self._stops and self._is_suspicious(error):
            return  # What it says now may be the truth about its files.
        if self._stops:
            raise StoreUnavailableError(
                f"Chroma cannot {operation}: {error}",
                hint="see that its disk works, then run the same command again; what is "
                "embedded is kept",
            ) from error
        self._stops += 1
        await stop()

    def _time_for(self, error: TransientStoreError) -> float:
        """Seconds from the first failure until hope is given up."""
        if self._revive is not None and self._is_suspicious(error):
            return min(SUSPECT_AFTER, self._give_up_after)
        return self._give_up_after

    def _is_suspicious(self, error: TransientStoreError) -> bool:
        # Between us and a private server there is no proxy that could answer in its place.
        return error.suspicious or (error.foreign and self._revive is not None)

    def _report(self, operation: str, state: RetryCallState) -> None:
        reason = str(failure(state, TransientStoreError))
        self._events.emit(StoreRetried(operation, reason, next_wait(state)))
