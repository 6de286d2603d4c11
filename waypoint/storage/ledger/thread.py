"""The ledger on a thread of its own, so that the event loop never waits for a disk."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from waypoint.errors import StoreWriteError
from waypoint.observe.gauges import doing
from waypoint.storage.ledger import Ledger

P = ParamSpec("P")
T = TypeVar("T")


class LedgerThread:
    """Runs the ledger's methods one after another, off the loop."""

    def __init__(self, ledger: Ledger, limiter: CapacityLimiter) -> None:
        self._ledger = ledger
        self._limiter = limiter

    @property
    def closing(self) -> StoreWriteError | None:
        """Why nothing but what is in flight is to be committed any more; None while all is."""
        return self._ledger.closing

    async def run(
        self, method: Callable[Concatenate[Ledger, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``await ledger.run(Ledger.pay, …)``: the method's result.

        A method that has begun is always waited for, also under cancellation: what is being
        committed is never left in doubt.
        """
        with doing("ledger"):
            return await to_thread.run_sync(
                functools.partial(method, self._ledger, *args, **kwargs), limiter=self._limiter
            )


@asynccontextmanager
async def open_ledger(folder: Path) -> AsyncIterator[LedgerThread]:
    """The ledger of a locked folder; closed at the end.

    Raises:
        LedgerError, StoreWriteError: as :class:`Ledger`.
    """
    limiter = CapacityLimiter(1)
    ledger = await to_thread.run_sync(Ledger, folder, limiter=limiter)
    try:
        yield LedgerThread(ledger, limiter)
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(ledger.close, limiter=limiter)
