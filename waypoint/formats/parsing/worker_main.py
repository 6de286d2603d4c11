"""A parsing process: reads files it is named on standard input, one after another.

Its first line is the setup, which it answers with an empty reply; every further line names a
file, and is answered with its documents or with why it has none. It ends with its standard
input, also in the middle of a parse, and by SIGALRM when one takes too long and nobody is left
to kill it.
"""

from __future__ import annotations

import os
import queue
import resource
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from waypoint.errors import DocumentRejectedError
from waypoint.formats.parsing.worker_messages import (
    LENGTH_BYTES,
    Rejection,
    WorkerSetup,
    decode_request,
    encode_documents,
    encode_rejection,
)
from waypoint.formats.read_file import read_documents
from waypoint.formats.registry import ReaderRegistry
from waypoint.formats.sidecars import SidecarFields
from waypoint.models import SourceFile

_ALARM_AFTER = 5.0
"""Seconds beyond the time allowed; whoever started us kills us at that time."""


def main() -> None:
    """Serve until standard input ends."""
    replies = _take_stdout()
    setup = WorkerSetup.decode(sys.stdin.buffer.readline())
    _limit(setup.memory)
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests,), daemon=True).start()
    registry = setup.registry()
    _send(replies, (0).to_bytes(LENGTH_BYTES, "big"))
    while True:
        file, given = decode_request(requests.get())
        signal.setitimer(signal.ITIMER_REAL, setup.seconds_for(file.source) + _ALARM_AFTER)
        reply = _read(file, given, registry, setup)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(replies, reply)


def _take_stdout() -> int:
    """Keep standard output for replies: what a parser prints goes nowhere."""
    replies = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return replies


def _limit(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):  # some systems have no such limit
        # What is allocated; RLIMIT_AS would count what is only mapped, the libraries too.
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    with suppress(OSError):
        # Should the machine run out of memory, Linux is to kill this process, not the run.
        Path("/proc/self/oom_score_adj").write_text("1000")


def _receive(requests: queue.SimpleQueue[bytes]) -> None:
    while line := sys.stdin.buffer.readline():
        requests.put(line)
    if os.getpid() == os.getpgrp():
        # With text recognition, if that is going on.
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _read(
    file: SourceFile, given: SidecarFields, registry: ReaderRegistry, setup: WorkerSetup
) -> bytes:
    try:
        documents = read_documents(
            file, registry=registry, max_file_size=setup.max_file_size, given=given
        )
        return encode_documents(documents)
    except DocumentRejectedError as error:
        out_of_memory = isinstance(error.__cause__, MemoryError)
        rejection = Rejection(error.reason, error.hint, out_of_memory)
    except MemoryError:
        rejection = Rejection("", "", out_of_memory=True)
    except TypeError:
        rejection = Rejection("its text contains half a surrogate pair", "", out_of_memory=False)
    return encode_rejection(rejection)


def _send(replies: int, reply: bytes) -> None:
    view = memoryview(reply)
    while view:
        view = view[os.write(replies, view) :]


if __name__ == "__main__":
    main()
