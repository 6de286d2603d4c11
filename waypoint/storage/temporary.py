"""Where SQLite keeps what it needs for a while, and what is told when it can't write."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waypoint.errors import DiskFullError, StoreWriteError

_UNWRITABLE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
)

_LEAST = 1 << 20
"""Bytes; with less, a disk counts as full."""


def temporary_folder() -> Path:
    """The folder that SQLite chooses (``unixTempFileDir``): the first that can be written."""
    named = [os.environ.get(name) for name in ("SQLITE_TMPDIR", "TMPDIR")]
    for folder in (*named, "/var/tmp", "/usr/tmp", "/tmp"):  # noqa: S108 - SQLite's own list
        if folder and Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder)
    return Path.cwd()


@contextmanager
def temporary_database() -> Iterator[None]:
    """What is done with a database without a name fails by the temporary folder's fault.

    Raises:
        StoreWriteError: the folder cannot be written or, ``DiskFullError``, is full.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if not is_failure_to_write(error):
            raise
        raise temporary_failure(error) from error


def open_temporary(schema: str, *, cache_kib: int = 0) -> sqlite3.Connection:
    """A database without a name, which SQLite deletes when it is closed; quick, and never whole
    after a crash. One thread at a time, not always the same.

    Raises:
        StoreWriteError: as ``temporary_database``.
    """
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    with temporary_database():
        database.execute("PRAGMA journal_mode=OFF")
        database.execute("PRAGMA synchronous=OFF")
        if cache_kib:
            database.execute(f"PRAGMA cache_size=-{cache_kib}")
        database.executescript(schema)
    return database


def is_failure_to_write(error: sqlite3.Error) -> bool:
    """Whether SQLite could not write a file; Python's own errors have no code."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNWRITABLE


def temporary_failure(error: sqlite3.Error) -> StoreWriteError:
    """The error for a temporary file that cannot be made or written."""
    folder = temporary_folder()
    kind = DiskFullError if is_full(folder) else StoreWriteError
    return kind(
        f"cannot write temporary files in {folder}: {error}",
        hint="free disk space there, or set TMPDIR to a folder with room, then run again",
    )


def is_full(folder: Path) -> bool:
    """Whether its disk has hardly a byte left, or no file can be made there."""
    try:
        return room_left(folder) < _LEAST
    except OSError:
        return False


def room_left(folder: Path) -> int:
    """Bytes that its disk has for this user; 0 if no file can be made there.

    Raises:
        OSError: nobody can say.
    """
    disk = os.statvfs(folder)
    if disk.f_files and not disk.f_favail:
        return 0
    return disk.f_bavail * disk.f_frsize
