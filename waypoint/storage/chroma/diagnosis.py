"""Whether Chroma's files are damaged, or something keeps healthy ones from being used.

A server that does not start, or says that an index cannot be loaded, proves nothing: a full disk,
files of another user and want of handles look the same from outside. Only once none of these is
found is what Chroma, or SQLite itself, says of the files believed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from anyio import to_thread

from waypoint.errors import (
    DiskFullError,
    StoreDamagedError,
    StoreUnavailableError,
    StoreWriteError,
)
from waypoint.storage.access import access_failure, to_own
from waypoint.storage.chroma.child import ChromaChild, StoreSlowError
from waypoint.storage.chroma.files import CHROMA_DATABASE, chroma_files
from waypoint.storage.temporary import room_left

LEAST_ROOM = 32_000_000
"""Bytes, beside an eighth of what Chroma's files take, below which a disk may be why Chroma cannot
work: it rewrites an index whole, and leaves half of it where it meets the disk's end."""

LOCK_TIMEOUT = 10.0
"""Seconds; longer than a copy of a database that somebody backs up keeps it locked."""

_OF_THE_FILE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


async def start_server(child: ChromaChild, folder: Path) -> None:
    """Start the private server; whatever killed it once may have been no fault of the files.

    Raises:
        StoreWriteError: files or disk cannot be used.
        StoreDamagedError: SQLite finds the database broken.
        StoreUnavailableError: it does not start, for another reason, which it may have told.
    """
    await to_thread.run_sync(check_access, folder)
    await to_thread.run_sync(check_lock, folder)
    try:
        await child.start()
    except StoreSlowError:
        raise
    except StoreUnavailableError:
        try:
            await child.start()
        except StoreSlowError:
            raise
        except StoreUnavailableError as error:
            await to_thread.run_sync(_explain, folder, error)


async def revive_server(child: ChromaChild, folder: Path) -> bool:
    """Start a server that died, once in a run. False if it is alive.

    Raises:
        StoreDamagedError: it crashed again, by what it read, or SQLite finds the database broken.
        StoreWriteError, StoreUnavailableError: it died again for another reason.
    """
    try:
        return await child.revive()
    except StoreSlowError:
        raise
    except StoreUnavailableError as error:
        if not child.ended:
            raise
        await to_thread.run_sync(_explain, folder, error, child.crashes > 1)
    return True


def check_access(folder: Path) -> None:
    """See that this user may read and write Chroma's files: where it may not, Chroma takes an
    index for an empty one.

    Raises:
        StoreWriteError: one may not be used; it is named.
    """
    try:
        for path in _all_files(folder):
            if failure := access_failure(path):
                raise failure
    except OSError as error:
        raise StoreWriteError(
            f"cannot look at {error.filename}: {error.strerror}", hint=to_own(folder)
        ) from error


def check_lock(folder: Path, *, seconds: float = LOCK_TIMEOUT) -> None:
    """See that no other program holds Chroma's database locked for longer than that.

    Raises:
        StoreUnavailableError: one does. Chroma would wait for it, and say nothing.
    """
    try:
        with _database(folder, seconds) as database:
            database.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        # Whatever else is the matter with it, Chroma says.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
            return
        path = folder / CHROMA_DATABASE
        raise StoreUnavailableError(
            f"{path} is locked by another program",
            hint=f"end it (fuser -v {path} names it), then run the same command again; nothing "
            "was changed",
        ) from error


def _database(folder: Path, seconds: float = 5) -> closing[sqlite3.Connection]:
    """Chroma's database if there is one; ``seconds`` to wait for whoever has it locked."""
    uri = f"{(folder / CHROMA_DATABASE).resolve().as_uri()}?mode=rw"
    return closing(sqlite3.connect(uri, uri=True, timeout=seconds, isolation_level=None))


def check_room(folder: Path) -> None:
    """See that the disk is not so full that this alone may be why Chroma cannot work.

    Raises:
        DiskFullError: it is.
    """
    free = room_left(folder)
    used = sum(map(_size, _all_files(folder)))
    needed = LEAST_ROOM + used // 8
    if free < needed:
        raise DiskFullError(
            f"the disk is full, or nearly so, beneath {folder}: {free // 1_000_000:,} MB are free",
            hint=f"free {-(-needed // 1_000_000):,} MB there, or more, then run the same command "
            "again; nothing was moved or dropped",
        )


def find_damage(folder: Path) -> str:
    """What SQLite's own check says of Chroma's database; empty if it finds nothing wrong."""
    try:
        with _database(folder) as database:
            (said,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    except UnicodeDecodeError:
        # SQLite quotes the file in its message: bytes that are no text.
        return "its schema cannot be read"
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
        return str(error) if code & 0xFF in _OF_THE_FILE else ""
    return "" if said == "ok" else str(said)


def _explain(folder: Path, error: StoreUnavailableError, has_crashed: bool = False) -> None:
    """Raise what keeps the server from running."""
    check_access(folder)
    check_room(folder)
    found = find_damage(folder)
    if found or has_crashed:
        reason = f"{folder / CHROMA_DATABASE} is damaged: {found}" if found else error.message
        raise StoreDamagedError(reason, hint=error.hint) from error
    raise error


def _all_files(folder: Path) -> Iterator[Path]:
    yield folder
    for path in chroma_files(folder):
        yield path
        if path.is_dir():
            yield from path.iterdir()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone by now: the server may run
        return 0
