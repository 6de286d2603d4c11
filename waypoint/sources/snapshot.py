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

RACY_NS = 2_000_000_000
"""What was modified so shortly before we read it may have been edited since without a change of
size or times: it is read again, or its bytes are compared."""
_RACY = " racy"
"""Behind the version of such a one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read, and the status that belongs to it."""

    file: SourceFile
    """With size and version as they were at the reading, not at the walk."""
    data: bytes


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
    version = version_of(after)
    if len(data) != before.st_size or version_of(before) != version:
        return None
    if read_at_ns - after.st_mtime_ns < RACY_NS:
        version += _RACY
    return Snapshot(dataclasses.replace(file, size=after.st_size, version=version), data)


def _read_up_to(descriptor: int, limit: int, read: Callable[[int, int], bytes]) -> bytes:
    pieces = []
    missing = limit
    while missing and (piece := read(descriptor, missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


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


def version_of(status: os.stat_result) -> str:
    """The version of a file of this machine: its size in bytes, and when it was modified and
    changed, in nanoseconds since the epoch."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def is_edited(now: str, before: str) -> bool:
    """Whether size or time of modification differ between two versions; False for an empty one."""
    return bool(before) and now.split()[:2] != before.split()[:2]
