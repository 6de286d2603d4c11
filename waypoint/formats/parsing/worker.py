"""A process that parses what could harm the one it is parsed in.

Parsers of PDF, DOCX and the like are large, and what they are given comes from anywhere: a file
may crash them, keep them busy for ever or have them take all memory there is. In a process of
their own that costs the one document. The process has a session of its own, so that a
terminal's Ctrl-C does not reach it while a run drains, and an environment without the key.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TypeAlias

import anyio
from anyio import to_thread
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from waypoint.child_environment import child_environment, module_path
from waypoint.errors import (
    DocumentRejectedError,
    ParserUnavailableError,
    RecordRejectedError,
    no_more_files,
)
from waypoint.formats.parsing.worker_messages import (
    LENGTH_BYTES,
    Rejection,
    WorkerSetup,
    decode_reply,
    encode_request,
)
from waypoint.formats.sidecars import NO_FIELDS, SidecarFields
from waypoint.models import Document, SourceFile

DocumentOrReject: TypeAlias = Document | RecordRejectedError

START_TIMEOUT = 60.0
"""Seconds; it takes 0.3 where nothing else is going on."""
END_TIMEOUT = 5.0
MAX_REPLY = 256 * 1024 * 1024
"""Bytes of one file's documents: no document has so much text, but a bomb may."""


class _KilledError(DocumentRejectedError):
    """SIGKILL is nothing that a file brings about: someone else's, or the system's that is out of
    memory."""


class ParseWorker:
    """Parses one file at a time, in a process that is started for the first of them."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._process: Process | None = None
        self._replies: BufferedByteReceiveStream | None = None
        self._parsed = 0
        self._is_busy = False

    async def parse(
        self, file: SourceFile, given: SidecarFields = NO_FIELDS
    ) -> list[DocumentOrReject]:
        """Read a file; ``given``: what its sidecars say.

        Raises:
            DocumentRejectedError: it cannot be read, or its parser died of it.
            ParserUnavailableError: the process does not start.
        """
        try:
            reply = await self._ask(file, given)
        except _KilledError:
            reply = await self._ask(file, given)
        if isinstance(reply, Rejection) and reply.out_of_memory:
            fresh = self._parsed == 1
            await self.close()
            # What earlier files left behind may be at fault.
            reply = reply if fresh else await self._ask(file, given)
        if not isinstance(reply, Rejection):
            return reply
        if reply.out_of_memory:
            await self.close()
            raise DocumentRejectedError(
                file.source,
                f"its parser needs more than {self._setup.memory / 2**20:,.0f} MiB of memory",
                hint="raise PARSE_MEMORY, or split the file",
            )
        raise DocumentRejectedError(file.source, reply.reason, hint=reply.hint)

    async def close(self) -> None:
        """End the process, whatever it does, and wait until it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        with anyio.CancelScope(shield=True):
            await self._end(process)

    async def _ask(
        self, file: SourceFile, given: SidecarFields
    ) -> list[DocumentOrReject] | Rejection:
        if self._process is None:
            await self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._parsed += 1
        self._is_busy = True
        try:
            with anyio.fail_after(self._setup.seconds_for(file.source)):
                await self._process.stdin.send(encode_request(file, given))
                reply = await self._receive(file)
        except TimeoutError:
            await self.close()
            raise DocumentRejectedError(
                file.source,
                f"its parser did not finish within {self._setup.seconds_for(file.source):g} s",
                hint="raise --parse-timeout, or split the file",
            ) from None
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError) as error:
            process = self._process
            await self.close()
            kind = _KilledError if process.returncode == -signal.SIGKILL else DocumentRejectedError
            raise kind(
                file.source,
                f"its parser {_ending(process.returncode)}",
                hint="the file is damaged or hostile: open it in its own program and save it anew",
            ) from error
        except BaseException:
            # A reply that is only half read would be taken for the next one's beginning.
            await self.close()
            raise
        self._is_busy = False
        # Off the loop: a reply may be a whole book.
        return await to_thread.run_sync(decode_reply, reply, file)

    async def _receive(self, file: SourceFile) -> bytes:
        assert self._replies is not None
        length = int.from_bytes(await self._replies.receive_exactly(LENGTH_BYTES), "big")
        if length > MAX_REPLY:
            raise DocumentRejectedError(
                file.source,
                f"more text than a document has: {length:,} bytes",
                hint="split the file",
            )
        return await self._replies.receive_exactly(length)

    async def _start(self) -> None:
        """Start the process; again, if something ended it before it had begun."""
        try:
            await self._start_once()
        except ParserUnavailableError:
            await self._start_once()

    async def _start_once(self) -> None:
        status: int | str | None
        try:
            self._process = process = await anyio.open_process(
                # -P: the working folder is not on its module path.
                [sys.executable, "-P", "-m", "waypoint.formats.parsing.worker_main"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=child_environment(
                    PYTHONPATH=module_path(), PYTHONUTF8="1", OPENBLAS_NUM_THREADS="1"
                ),
            )
            assert process.stdin is not None
            assert process.stdout is not None
            self._replies = BufferedByteReceiveStream(process.stdout)
            self._parsed = 0
            self._is_busy = False
            with anyio.fail_after(START_TIMEOUT):
                await process.stdin.send(self._setup.encode())
                await self._replies.receive_exactly(LENGTH_BYTES)
        except OSError as error:
            if no_files := no_more_files(error):
                raise no_files from error
            status = error.strerror
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, TimeoutError):
            await self.close()
            status = process.returncode
        except BaseException:
            await self.close()
            raise
        else:
            return
        raise ParserUnavailableError(
            f"the process that parses documents does not start (status {status})",
            hint="raise PARSE_MEMORY, or free memory; then run the same command again",
        )

    async def _end(self, process: Process) -> None:
        if process.stdin is not None:
            await process.stdin.aclose()
        # It may be stuck, or stopped. Not process.kill(): asking a child that has just ended
        # takes its exit status from under asyncio's nose.
        if process.returncode is None:
            with anyio.move_on_after(0 if self._is_busy else END_TIMEOUT):
                await process.wait()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                # With what it has started: text recognition.
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        await process.aclose()


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        try:
            return f"was killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"was killed by signal {-status}"
    return f"ended with status {status}"
