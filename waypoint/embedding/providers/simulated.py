"""The provider ``simulator``: the Gemini API as Waypoint simulates it, without key or cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import orjson

from waypoint.child_environment import child_environment, module_path
from waypoint.embedding.batch_jobs.port import BatchJobs
from waypoint.embedding.port import Embedder, Endpoint
from waypoint.embedding.providers.gemini_connection import (
    Connection,
    configured_connection,
    is_simulator_at,
    preload_adapter,
)
from waypoint.embedding.providers.gemini_models import GEMINI_MODELS
from waypoint.embedding.rate_limit.limits import NO_QUOTA, TEXTS_AND_TOKENS
from waypoint.errors import ServiceUnavailableError
from waypoint.models import EmbeddingSpace
from waypoint.settings import Settings

START_TIMEOUT = 30.0
JOB_SPEED = 600
"""How fast time passes for the built-in simulator's jobs: ten minutes in a second."""
_ANY_KEY = "simulated"
"""The simulator takes any key; the SDK wants one."""


class Simulator:
    """Simulated vectors are the same from every simulator: where GOOGLE_GEMINI_BASE_URL leads to
    one, calls go there, else to a child process."""

    name = "simulator"
    title = "the simulator"
    models = GEMINI_MODELS
    bills = False
    has_jobs = True
    quota = NO_QUOTA
    suffix = "_simulated"

    async def find(self, settings: Settings) -> Endpoint:
        """As ``Provider.find``. One that somebody else runs may have a quota."""
        if settings.gemini_key[0] and settings.google_gemini_base_url:
            connection = configured_connection(settings)
            if await is_simulator_at(connection, settings.embedding_model):
                return Endpoint(self, TEXTS_AND_TOKENS, connection.open, connection.open_jobs)

        @asynccontextmanager
        async def open_built_in(space: EmbeddingSpace) -> AsyncIterator[Embedder]:
            async with (
                run_simulator() as url,
                Connection(_ANY_KEY, "", url, {}, settings.call_timeout).open(space) as embedder,
            ):
                yield embedder

        @asynccontextmanager
        async def open_jobs() -> AsyncIterator[BatchJobs]:
            # Its vectors are the same as those of the process that answers calls.
            async with (
                run_simulator() as url,
                Connection(_ANY_KEY, "", url, {}, settings.call_timeout).open_jobs() as jobs,
            ):
                yield jobs

        return Endpoint(self, self.quota, open_built_in, open_jobs, jobs_last=False)

    async def preload(self) -> None:
        """Import the SDK."""
        await preload_adapter()


SIMULATOR = Simulator()


@asynccontextmanager
async def run_simulator() -> AsyncIterator[str]:
    """The built-in simulator as a child process; yields its base URL.

    A process of its own, so that what it burns is not counted as ours. It ends with its
    standard input, so never outlives us.

    Raises:
        ServiceUnavailableError: it did not start.
    """
    process = await anyio.open_process(
        [
            sys.executable,
            "-m",
            "waypoint.simulator",
            "--port",
            "0",
            "--exit-with-stdin",
            "--batch-speed",
            str(JOB_SPEED),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None,
        start_new_session=True,
        env=child_environment(PYTHONPATH=module_path()),
    )
    try:
        assert process.stdout is not None
        line = b""
        with anyio.move_on_after(START_TIMEOUT):
            try:
                while not line.endswith(b"\n"):
                    line += await process.stdout.receive()
            except anyio.EndOfStream:
                line = b""
        if not line.endswith(b"\n"):
            raise ServiceUnavailableError(
                "the built-in simulator did not start", hint="see its output above"
            )
        yield str(orjson.loads(line)["base_url"])
    finally:
        with anyio.CancelScope(shield=True):
            if process.stdin is not None:
                await process.stdin.aclose()
            with anyio.move_on_after(5):
                await process.wait()
            if process.returncode is None:
                process.kill()
            await process.aclose()
