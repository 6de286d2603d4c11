"""The ledger's file: how it is opened, and how its failures are told."""

from __future__ import annotations

import functools
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from waypoint.errors import (
    DiskFullError,
    LedgerDamagedError,
    LedgerError,
    OpenFilesError,
    StoreWriteError,
    WaypointError,
    no_more_files,
)
from waypoint.models import FURTHER_ROOT, TextKey
from waypoint.storage.access import access_failure
from waypoint.storage.ledger import LEDGER_NAME
from waypoint.storage.ledger.ballast import BALLAST_NAME, NO_SPACE, Ballast
from waypoint.storage.ledger.room import CHECKPOINT_PAGES, PAGE_SIZE, CallRoom, file_size_limit
from waypoint.storage.ledger.schema import is_ledger, migrate
from waypoint.storage.ledger.seen import SeenSources
from waypoint.storage.temporary import (
    is_failure_to_write,
    is_full,
    temporary_failure,
    temporary_folder,
)

P = ParamSpec("P")
T = TypeVar("T")
File = TypeVar("File", bound="LedgerFile")

_USED = "the room that was kept for what is in flight is used"

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG)
"""What says something of the file: no row of ours is ever too big. After any other failure that
is not of the disk, or of the moment, SQLite is asked to check the file."""
_PASSING = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL,
)  # fmt: skip

KEYS_PER_QUERY = 500
"""SQLite takes at most 32,766 parameters; a few hundred are as fast as more."""


def in_scope(scope: str, source: str = "source") -> str:
    """An SQL condition: the column ``source`` begins with what the parameter ``scope`` holds.

    The empty scope is the first root of the collection: it doesn't hold those of further ones.
    """
    return (
        f"substr({source}, 1, length({scope})) = {scope}"
        f" AND ({scope} != '' OR substr({source}, 1, 2) != '{FURTHER_ROOT}')"
    )


def lies_in(source: str, folders: Sequence[str]) -> bool:
    """Whether one of the folders holds it; an empty name is the knowledge base itself."""
    return any(not folder or source.startswith(f"{folder}/") for folder in folders)


def with_ballast(
    method: Callable[Concatenate[File, P], T],
) -> Callable[Concatenate[File, P], T]:
    """For a method, one transaction, that is to come through on a full disk as well.

    Of the ballast no more is given back than it takes: others who write to that disk would
    else have it.
    """

    @functools.wraps(method)
    def pressed(self: File, /, *args: P.args, **kwargs: P.kwargs) -> T:
        self._may_use_ballast, once_more, held = True, True, self._ballast.size
        try:
            while True:
                try:
                    result = method(self, *args, **kwargs)
                except StoreWriteError as error:
                    # What is no full disk may pass by itself. Or it is a quota: SQLite tells
                    # that as any other failure.
                    if once_more and not isinstance(error, DiskFullError):
                        once_more = False
                    elif not self._give_way():
                        if held:
                            self.closing = self.closing or error
                        raise
                else:
                    if self._ballast.size < held:
                        self.closing = self.closing or self._no_room(_USED, held)
                    return result
        finally:
            self._may_use_ballast = False

    return pressed


class LedgerFile:
    """The file, open until :meth:`close`.

    Raises:
        LedgerError: the file is not a ledger, is damaged, or is newer than this Waypoint.
        StoreWriteError: the folder is read-only or, ``DiskFullError``, its disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER_NAME
        self.closing: StoreWriteError | None = None
        """Set once the ballast was needed: from then on only what is in flight is committed."""
        self._ballast = Ballast(folder)
        self._slice = 0
        """Bytes of it that are given back at once."""
        self._may_use_ballast = False
        self._seen = SeenSources()
        self._look()
        with self._translated():
            # One thread at a time uses the connection, but not always the same one.
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self.close()
                raise

    def _look(self) -> None:
        # What a link leads to may be anybody's; SQLite would write it.
        with suppress(OSError):
            if not stat.S_ISREG(self.path.lstat().st_mode):
                raise LedgerError(
                    f"the ledger {self.path} is not a regular file: it is never followed or read",
                    hint="move the ledger itself there, or remove what is in its place",
                )

    def _prepare(self) -> None:
        self._db.execute(f"PRAGMA page_size={PAGE_SIZE}")
        # EXCLUSIVE before WAL keeps the index in memory: mounts of Docker Desktop have
        # no shared memory. The store's lock makes us the only one anyway.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        if not is_ledger(self._db):
            raise self._damaged("it has not the tables of a ledger")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        migrate(self._db)
        # On disk, so that memory does not grow with what is sorted.
        self._db.execute("PRAGMA temp_store=FILE")

    def close(self) -> None:
        self._seen.close()
        self._db.close()
        # After SQLite, which copies its log as far as there is room; what ends a run is
        # written to the same disk.
        self._ballast.close()

    def make_room(self, room: CallRoom) -> None:
        """Hold room for the answers to so many calls, before they are made.

        Raises:
            StoreWriteError: there is none; what is held already stays.
        """
        if self.closing is not None:
            raise self.closing
        with self._translated():
            rows = int(self._db.execute("SELECT max(rowid) FROM vectors").fetchone()[0] or 0)
        needed, self._slice = room.of_all(rows), room.of_a_call(rows)
        largest, limit = room.largest_file(rows, *self._sizes()), file_size_limit()
        if limit is not None and largest > limit:
            raise StoreWriteError(
                f"no file may be larger than {limit:,} bytes here (ulimit -f), which the ledger "
                f"in {self.path.parent} may soon be",
                hint=f"allow {largest:,} bytes, or more, then run the same command again",
            )
        try:
            self._ballast.hold(needed)
        except OSError as error:
            calls = "a call" if room.calls == 1 else f"{room.calls:,} calls"
            reason = (
                f"no room for the answers to {calls} of up to {room.texts:,} texts "
                f"({error.strerror})"
            )
            if error.errno in NO_SPACE:
                raise self._no_room(reason, needed) from error
            raise StoreWriteError(
                f"{reason}: {BALLAST_NAME} in {self.path.parent} cannot be written",
                hint="make the folder writable, or remove what is in that file's place, then run "
                "the same command again",
            ) from error

    def _sizes(self) -> tuple[int, int]:
        files = self.path, self.path.with_name(f"{self.path.name}-wal")
        database, log = (file.stat().st_size if file.exists() else 0 for file in files)
        return database, log

    def _give_way(self) -> bool:
        """Give a part of the ballast back to the disk; False if there is none."""
        if not self._ballast.size:
            return False
        # Else the log would be copied to the file, which takes room and gives none back.
        self._db.execute("PRAGMA wal_autocheckpoint=0")
        return self._ballast.give_way(self._slice)

    def _no_room(self, reason: str, needed: int) -> DiskFullError:
        # A log of its full length, and the notes of documents, beside what is in flight.
        megabytes = -(-(needed + 2 * CHECKPOINT_PAGES * PAGE_SIZE) // 1_000_000)
        return DiskFullError(
            f"the disk is full beneath the ledger in {self.path.parent}: {reason}",
            hint=f"free {megabytes:,} MB there, or more, then run the same command again",
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            # SQLite quotes the file in its message: bytes that are no text.
            raise self._damaged("its schema cannot be read") from error
        except sqlite3.ProgrammingError:
            raise  # A bug, in no file.
        except sqlite3.DatabaseError as error:
            raise self._translate(error) from error
        except MemoryError as error:
            raise LedgerError(
                f"the ledger {self.path} cannot be read: there is no memory left",
                hint="give this process more memory, then run the same command again",
            ) from error

    def _translate(self, error: sqlite3.DatabaseError) -> WaypointError:
        code = getattr(error, "sqlite_errorcode", None)
        # Without a code it is from Python's own module: a text that is not UTF-8.
        if code is None or code & 0xFF in _DAMAGE:
            return self._damaged(str(error))
        if is_failure_to_write(error):
            full = is_full(self.path.parent)
            if not full and is_full(temporary_folder()):
                return temporary_failure(error)
            # SQLite tells a want of files, or a quota, as something else.
            if full or code == sqlite3.SQLITE_FULL:
                return self._no_room(str(error), self._ballast.size)
            with suppress(OSError):
                if failure := access_failure(self.path):
                    return failure
            return _no_file_left() or StoreWriteError(
                f"cannot write the ledger {self.path}: {error}",
                hint="free disk space or make the folder writable, then run again",
            )
        if code & 0xFF not in _PASSING and (found := self._find_damage()):
            return self._damaged(f"{error}: {found}")
        return LedgerError(
            f"the ledger {self.path} failed: {error}",
            hint="see that no other program has it open, then run the same command again",
        )

    def _find_damage(self) -> str:
        """What SQLite's own check finds; empty if that is nothing, or it cannot be made."""
        try:
            (said,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
            return str(error) if code & 0xFF in _DAMAGE else ""
        return "" if said == "ok" else str(said)

    def _sources(self, query: str, *values: object) -> Iterator[list[str]]:
        """A query's sources, by the page: a file may be any number of documents."""
        with self._translated():
            cursor = self._db.execute(query, values)
            while rows := cursor.fetchmany(KEYS_PER_QUERY):
                yield [source for (source,) in rows]

    def _of_keys(self, query: str, keys: Sequence[TextKey]) -> Iterator[tuple[Any, ...]]:
        """A query's rows for any number of texts: ``{}`` in it stands for their keys."""
        with self._translated():
            for start in range(0, len(keys), KEYS_PER_QUERY):
                some = keys[start : start + KEYS_PER_QUERY]
                yield from self._db.execute(query.format(",".join("?" * len(some))), some)

    def _damaged(self, reason: str) -> LedgerDamagedError:
        return LedgerDamagedError(
            f"the ledger {self.path} is damaged: {reason}",
            hint="run again: it is quarantined, and a new one is rebuilt from the store",
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self.closing is not None and not self._may_use_ballast:
            raise self.closing
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # On a full disk SQLite may have rolled back by itself.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _no_file_left() -> OpenFilesError | None:
    """SQLite says only that it could not open a file; whether any can be opened is soon tried."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return no_more_files(error)
    return None
