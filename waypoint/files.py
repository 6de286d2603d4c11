"""Files that Waypoint makes: for their owner alone, and never through what lies in their place.

In a folder that others can write, anyone may have put a link, a pipe or a device where a file of
ours is to be: what it leads to is neither written nor waited for.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_NOT_FOLLOWED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_IN_THE_WAY = (errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EMLINK)
"""What opening a link, a pipe without a reader, or a folder is refused with."""


def keep_private(*, wanted: bool) -> None:
    """Let no file or folder that this process and its children make be another user's to read.

    Documents' texts are in most of them. A mask that is stricter stays. Not ``wanted``: the mask
    of whoever runs this decides.
    """
    if wanted:
        os.umask(os.umask(0o077) | 0o077)


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of a regular file.

    Raises:
        OSError: it cannot be opened, or something else lies there, which stays as it is.
    """
    try:
        descriptor = os.open(path, flags | _NOT_FOLLOWED, 0o666)
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            raise not_regular(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise not_regular(path)
    return descriptor


def open_to_append(path: Path) -> int:
    """A descriptor of a file that is made if need be, and that lines are added to.

    Raises:
        OSError: as :func:`open_regular`; or the file has other names, which would be written too.
    """
    descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if has_other_names(descriptor):
        os.close(descriptor)
        raise OSError(errno.EMLINK, "is a hard link to another file", str(path))
    return descriptor


def has_other_names(descriptor: int) -> bool:
    """Whether hard links lead to the file: then its content may be somebody else's."""
    return os.fstat(descriptor).st_nlink > 1


def not_regular(path: Path) -> OSError:
    """The error for a link, a folder, a pipe or a device in a file's place."""
    return OSError(errno.ELOOP, "is not a regular file", str(path))


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes its place when it is whole, or not at all.

    Raises:
        OSError: it cannot be written; what was there is left as it was.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = open_regular(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except OSError as error:
        # The name that a person knows, which is as impossible.
        error.filename = str(path)
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file at once, as ``written_whole``; returns where it is."""
    with written_whole(path) as file:
        file.write(data)
    return path


def make_log_folder(folder: Path) -> None:
    """Make LOG_DIR where that can be done; else what is to be written there says why not."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)


def told(failure: OSError) -> str:
    """``logs/waypoint.jsonl: No space left on device``."""
    reason = failure.strerror or str(failure)
    # Of a rename, the second is the place that was to be taken; the first is a temporary of ours.
    name = failure.filename2 or failure.filename
    return f"{os.fsdecode(name)}: {reason}" if name else reason


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Wait until no other process is in here over the same folder, and keep others out.

    Raises:
        OSError: there is no such folder, or its file system knows no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
