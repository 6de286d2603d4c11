"""A file's bytes as they were at one moment, bounded and read from a regular file only."""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass

from waypoint.errors import DocumentRejectedError, no_more_files
from waypoint.models import FileReject, SourceFile

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # opening a FIFO must not wait for its writer
    | getattr(os, "O_NOFOLLOW", 0)
)
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read, and the status that belongs to it."""

    file: SourceFile
    """With size and times as they were at the reading, not at the walk."""
    data: bytes
    read_at_ns: int
    """Wall clock just before the file was opened, nanoseconds since the epoch."""


def take_snapshot(
    file: SourceFile, *, max_file_size: int, read: Callable[[int, int], bytes] = os.read
) -> Snapshot:
    """Read a file whole, at most ``max_file_size`` bytes, and again if it changed meanwhile.

    ``read`` is ``os.read`` or what stands in for it. Raises DocumentRejectedError, and
    OpenFilesError, which is no file's fault.
    """
    for _ in range(_ATTEMPTS):
        try:
            snapshot = _attempt(file, max_file_size, read)
        except OSError as error:
            raise no_more_files(error) or _rejection(file.source, error) from error
        if snapshot is not None:
            return snapshot
    raise DocumentRejectedError(
        file.source,
        "changed while it was read",
        hint="run again when nothing writes to it any more",
    )


def _attempt(
    file: SourceFile, max_file_size: int, read: Callable[[int, int], bytes]
) -> Snapshot | None:
    """None if the file changed between the first byte and the last. Raises OSError."""
    read_at_ns = time.time_ns()
    descriptor = os.open(file.path, _FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise DocumentRejectedError(file.source, "no longer a regular file")
        if before.st_size > max_file_size:
            reject = too_large(file.source, before.st_size, max_file_size)
            raise DocumentRejectedError(reject.source, reject.reason, hint=reject.hint)
        # One byte more than there should be: its arrival tells that the file grew.
        data = _read_up_to(descriptor, before.st_size + 1, read)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if len(data) != before.st_size or _version(before) != _version(after):
        return None
    mtime_ns, ctime_ns = times_of(after)
    current = dataclasses.replace(file, size=after.st_size, mtime_ns=mtime_ns, ctime_ns=ctime_ns)
    return Snapshot(current, data, read_at_ns)


def _read_up_to(descriptor: int, limit: int, read: Callable[[int, int], bytes]) -> bytes:
    pieces = []
    missing = limit
    while missing and (piece := read(descriptor, missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _version(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _rejection(source: str, error: OSError) -> DocumentRejectedError:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return DocumentRejectedError(source, "vanished while the folder was read")
        case errno.EACCES | errno.EPERM:
            return DocumentRejectedError(
                source, "permission denied", hint="let this user read the file"
            )
        case errno.ELOOP:
            return DocumentRejectedError(source, "has become a symbolic link")
        case _:
            return DocumentRejectedError(source, f"cannot be read: {error.strerror or error}")


def too_large(source: str, size: int, max_file_size: int) -> FileReject:
    """The reject of a file of ``size`` bytes where ``max_file_size`` are allowed."""
    return FileReject(
        source,
        f"larger than allowed: {size:,} bytes, at most {max_file_size:,}",
        "split the file, or raise --max-file-size",
    )


def times_of(status: os.stat_result) -> tuple[int, int]:
    """When it was modified and changed, in nanoseconds since the epoch, of 64 bits.

    A file system may hold any year; what is beyond 1677 or 2262 is taken for the nearest that
    the ledger can hold, and an edit is told by the other time.
    """
    mtime_ns, ctime_ns = (
        min(max(time_ns, -(2**63)), 2**63 - 1)
        for time_ns in (status.st_mtime_ns, status.st_ctime_ns)
    )
    return mtime_ns, ctime_ns
