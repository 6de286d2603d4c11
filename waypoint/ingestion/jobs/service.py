"""A service's batch jobs: connected to at the first exchange, asked again where that is safe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar

import anyio

from waypoint.embedding.batch_jobs.port import BatchJobs
from waypoint.embedding.port import CallError, TransientCallError
from waypoint.errors import ServiceUnavailableError
from waypoint.stopping import Stop

T = TypeVar("T")

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 32.0


class Patience:
    """Waits longer from one failure to the next, until it has lasted too long."""

    def __init__(self, give_up_after: float) -> None:
        self._give_up_after = give_up_after
        self._began = anyio.current_time()
        self._wait = _FIRST_WAIT

    async def wait(self, error: CallError, stop: Stop) -> None:
        """
        Raises:
            ServiceUnavailableError: it has lasted too long.
            StopRequested: the run stops meanwhile.
        """
        if anyio.current_time() - self._began > self._give_up_after:
            raise ServiceUnavailableError(
                f"the service has not answered about batch jobs for "
                f"{self._give_up_after:g} s: {error.reason}",
                hint="run the same command again: what is submitted is not lost",
            ) from error
        told = error.retry_after if isinstance(error, TransientCallError) else None
        with stop.interruptible():
            await anyio.sleep(max(self._wait, min(told or 0.0, _LONGEST_WAIT)))
        self._wait = min(2 * self._wait, _LONGEST_WAIT)


class JobService:
    """Args: stack: closes what was opened; give_up_after: seconds without a good answer."""

    def __init__(
        self,
        open_jobs: Callable[[], AbstractAsyncContextManager[BatchJobs]],
        stack: AsyncExitStack,
        give_up_after: float,
    ) -> None:
        self._open = open_jobs
        self._stack = stack
        self._give_up_after = give_up_after
        self._jobs: BatchJobs | None = None

    async def connected(self) -> BatchJobs:
        """For what must be asked once."""
        if self._jobs is None:
            self._jobs = await self._stack.enter_async_context(self._open())
        return self._jobs

    async def ask(self, question: Callable[[BatchJobs], Awaitable[T]], stop: Stop) -> T:
        """Ask until there is an answer: only for what does the same if it is asked twice.

        Raises:
            ServiceUnavailableError: none came for so long.
            StopRequested: the run stops meanwhile.
        """
        jobs, patience = await self.connected(), self.patience()
        while True:
            try:
                return await question(jobs)
            except TransientCallError as error:
                await patience.wait(error, stop)

    def patience(self) -> Patience:
        """With a service that does not answer, from now on."""
        return Patience(self._give_up_after)
