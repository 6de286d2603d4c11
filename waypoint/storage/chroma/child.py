"""The private Chroma server: a child process over CHROMA_PERSIST_PATH, on loopback.

Chroma is never in our own process: its in-process client holds the GIL while it writes, and
a kill in the middle of that can wreck the store. The child runs in a session of its own, so
that a terminal's Ctrl-C does not reach it while the run drains, and ends itself by SIGTERM,
which it survives unharmed, when its standard input closes: our death closes it, however we die.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.abc import Process

from waypoint.child_environment import child_environment
from waypoint.errors import StoreUnavailableError
from waypoint.files import told
from waypoint.storage.chroma.server_output import ServerOutput

HOST = "127.0.0.1"
START_TIMEOUT = 120.0
"""Seconds until the server must listen. A cold open of 100,000 records takes about one; a machine
that does much else, or a disk that wakes up, may take a hundred times as long."""
STOP_TIMEOUT = 60.0
"""Seconds the server may take to end: an upsert of 5,000 rows under way can take nine."""

LOG_NAME = "chroma.log"

LEAST_HANDLES = 64
"""Files that the server may have open at least: with 16 it took a healthy index for broken."""
_CRASHES = (signal.SIGSEGV, signal.SIGILL, signal.SIGFPE)
"""What a process dies of by what it reads: a broken index is no harm but to whoever loads it.
Other signals are from outside, or from a want of memory or disk."""


class ChromaChild:
    """A running private server; made by :func:`run_chroma_child`."""

    def __init__(self, folder: Path, log_path: Path, lock_descriptor: int) -> None:
        self._folder = folder
        self._log_path = log_path
        self._lock_descriptor = lock_descriptor
        self._process: Process | None = None
        self._output: ServerOutput | None = None
        self._revived = False
        self._crashed: set[int] = set()
        # Several operations may meet a dead server at once.
        self._reviving = anyio.Lock()
        self.port = 0
        """Where it listens: what was free at its first start; the same after every other."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it was started and runs no more."""
        return self._process is not None and self._process.returncode is not None

    @property
    def crashes(self) -> int:
        """How often in a row it has ended by a fault of its own, not by anything from outside."""
        return len(self._crashed)

    @property
    def log_failure(self) -> str:
        """Why its log could not be written; empty if it could."""
        failure = self._output.failure if self._output is not None else None
        return told(failure) if failure is not None else ""

    async def start(self) -> None:
        """Start the server and return when it listens.

        Raises:
            StoreSlowError: it does not listen in time.
            StoreUnavailableError: it ended, or cannot be started; or the one before it still
                runs: two over the same files would wreck them.
        """
        if self._process is not None and not self.ended:
            raise self._still_runs()
        handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if 0 <= handles < LEAST_HANDLES:
            raise StoreUnavailableError(
                f"the private Chroma server over {self._folder} needs {LEAST_HANDLES} open files, "
                f"and may have {handles} (ulimit -n)",
                hint="raise the limit (ulimit -n 1024), then run the same command again",
            )
        try:
            ready, process = await self._spawn()
        except OSError as error:
            raise StoreUnavailableError(
                f"the private Chroma server over {self._folder} cannot be started: "
                f"{error.strerror}",
                hint="give this user more processes, memory or open files, then run the same "
                "command again",
            ) from error
        try:
            with anyio.fail_after(START_TIMEOUT):
                await anyio.wait_readable(ready)
                line = os.read(ready, 16)
                if not line:
                    await process.wait()
                    raise self._died()
                self.port = int(line)
        except TimeoutError:
            await self.stop()
            raise StoreSlowError(
                f"the private Chroma server over {self._folder} did not listen within "
                f"{START_TIMEOUT:g} s",
                hint="run the same command again when the machine is less busy; nothing was "
                f"changed{self._see_log()}",
            ) from None
        finally:
            os.close(ready)

    async def _spawn(self) -> tuple[int, Process]:
        """Where the server will say its port, and its process."""
        # By its path, with -P: neither the working folder nor ours is put on its module path.
        command = [sys.executable, "-P", str(Path(__file__).with_name("chroma_server.py"))]
        ready, ready_end = os.pipe()
        try:
            self._output = output = ServerOutput(self._log_path)
            try:
                self._process = await anyio.open_process(
                    [*command, str(self._folder), HOST, str(self.port), str(ready_end)],
                    stdin=subprocess.PIPE,
                    stdout=output.theirs,
                    stderr=output.theirs,
                    start_new_session=True,
                    env=child_environment(),
                    pass_fds=(self._lock_descriptor, ready_end, output.ours),
                )
            finally:
                output.start()
        except BaseException:
            os.close(ready)
            raise
        finally:
            os.close(ready_end)
        return ready, self._process

    async def restart(self) -> None:
        """End the server, if it still runs, and start it anew on the same port.

        Raises:
            StoreUnavailableError: as :meth:`start` and :meth:`stop`.
        """
        await self.stop()
        self._revived = False
        self._crashed.clear()
        await self.start()

    async def revive(self) -> bool:
        """Start a dead server again, once in a run. False if it is alive.

        Raises:
            StoreUnavailableError: it died a second time.
        """
        async with self._reviving:
            if self._process is not None and self._process.returncode is None:
                return False
            if self._process is not None and -(self._process.returncode or 0) in _CRASHES:
                self._crashed.add(self.pid)
            if self._revived:
                raise self._died()
            self._revived = True
            await self.start()
            return True

    async def stop_stuck(self) -> None:
        """End a server that may not get over an error, so that it is revived.

        Raises:
            StoreUnavailableError: as :meth:`stop`.
        """
        async with self._reviving:
            await self.stop()

    async def stop(self) -> None:
        """End the server by closing its standard input, and wait until it has ended.

        It sends itself SIGTERM then. Not from here: asking a child that has just ended takes
        its exit status from under asyncio's nose. Nor is it ever killed: that can wreck a store.

        Raises:
            StoreUnavailableError: it has not ended within ``STOP_TIMEOUT``.
        """
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            await process.stdin.aclose()
        with anyio.move_on_after(STOP_TIMEOUT):
            await process.wait()
        if process.returncode is None:
            raise self._still_runs()
        await process.aclose()
        if self._output is not None:
            await anyio.to_thread.run_sync(self._output.last_words)

    def _still_runs(self) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"the private Chroma server over {self._folder} (process {self.pid}) does not end",
            hint=f"once it has ended, run the same command again{self._see_log()}",
        )

    def _died(self) -> StoreUnavailableError:
        status = self._process.returncode if self._process else None
        how = f"status {status}"
        if status is not None and status < 0:
            with suppress(ValueError):
                how = f"killed by {signal.Signals(-status).name}"
        words = self._output.last_words() if self._output else ""
        return StoreUnavailableError(
            f"the private Chroma server over {self._folder} ended ({how})"
            + (f": {words}" if words else ""),
            hint=f"fix that, then run the same command again{self._see_log()}",
        )

    def _see_log(self) -> str:
        return "" if self.log_failure else f"; see {self._log_path}"


class StoreSlowError(StoreUnavailableError):
    """The private server did not listen in time."""


@asynccontextmanager
async def run_chroma_child(
    folder: Path, log_folder: Path, lock_descriptor: int, *, started: bool = True
) -> AsyncIterator[ChromaChild]:
    """A private server over ``folder`` for as long as the context is open.

    Args:
        folder: CHROMA_PERSIST_PATH; locked by the caller.
        log_folder: where the server's own output goes, to ``chroma.log``.
        lock_descriptor: the lock's, inherited, so that the folder stays locked until the
            server is really gone.
        started: False leaves the start to the caller.

    Raises:
        StoreUnavailableError: as :meth:`ChromaChild.start`.
    """
    child = ChromaChild(folder, log_folder / LOG_NAME, lock_descriptor)
    try:
        if started:
            await child.start()
        yield child
    finally:
        # One that does not end keeps the folder locked, which the next run is told.
        with anyio.CancelScope(shield=True), suppress(StoreUnavailableError):
            await child.stop()
