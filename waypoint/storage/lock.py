"""The lock on a store's folder: one process at a time, freed by the kernel when it dies.

Two Chroma processes on one folder corrupt it without a word, and two runs on one ledger would
embed texts twice. The lock is a ``flock`` on a file, so a killed holder never leaves it behind; the
private Chroma server inherits the descriptor, so the folder stays locked until that is gone.

The file also keeps what the ledger could not be told on a full disk: it is written in place, which
takes no room.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson

from waypoint.errors import StoreLockedError, StoreWriteError
from waypoint.files import has_other_names, open_regular
from waypoint.storage.access import access_failure

LOCK_NAME = "waypoint.lock"

_LENGTH = 4_096
"""Bytes of the file, filled up with spaces: a block, which no later record is longer than."""
_MOST_ENDED = 50


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock, as it wrote of itself."""

    host: str
    pid: int
    started: str
    """UTC, ISO 8601."""
    ended: tuple[str, ...] = ()
    """Runs that ended in order, this holder's or earlier ones, and could not note it elsewhere."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, running since {self.started}"


class StoreLock:
    """Holds the folder's lock while the context is open.

    Raises:
        StoreLockedError: another process holds it; the error names it.
        StoreWriteError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / LOCK_NAME
        self._descriptor = -1
        self._record = Holder("", 0, "")

    @property
    def ended_runs(self) -> tuple[str, ...]:
        """The runs that :meth:`note_ended` was told of, by this holder or an earlier one."""
        return self._record.ended

    def note_ended(self, *runs: str) -> bool:
        """Note that runs ended in order whose end could not be noted elsewhere; none: forget all.

        False if it cannot be written.
        """
        ended = (*self.ended_runs, *runs)[-_MOST_ENDED:] if runs else ()
        self._record = replace(self._record, ended=ended)
        try:
            self._write()
        except OSError:
            return False
        return True

    @property
    def descriptor(self) -> int:
        """To be inherited by the server that shares the folder."""
        return self._descriptor

    def __enter__(self) -> StoreLock:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = open_regular(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            raise StoreLockedError(
                f"{self._folder} is in use by {holder or 'another process'}",
                hint="wait until it has ended, stop it, or use another CHROMA_PERSIST_PATH",
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise self._unwritable(error) from error
        before = _read_holder(descriptor)
        self._record = Holder(
            socket.gethostname(),
            os.getpid(),
            datetime.now(UTC).isoformat("T", "seconds"),
            before.ended if before else (),
        )
        self._descriptor = descriptor
        try:
            self._write()
        except OSError as error:
            self._close()
            raise self._unwritable(error) from error
        return self

    def __exit__(self, *_raised: object) -> None:
        self._close()

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def _write(self) -> None:
        # Another name's content may be somebody's: it is locked, and left as it is.
        if not has_other_names(self._descriptor):
            os.pwrite(self._descriptor, orjson.dumps(asdict(self._record)).ljust(_LENGTH), 0)
            os.ftruncate(self._descriptor, _LENGTH)

    def _unwritable(self, error: OSError) -> StoreWriteError:
        if error.errno == errno.ELOOP and error.filename == str(self._path):
            return StoreWriteError(
                f"{self._path} {error.strerror}: it is never followed or written",
                hint="remove it, if it is yours, and run the same command again",
            )
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            return StoreWriteError(
                f"{self._folder} is a file, or lies below one",
                hint="move it, or set CHROMA_PERSIST_PATH to a folder",
            )
        with suppress(OSError):
            for path in (self._folder, self._path):
                if failure := access_failure(path):
                    return failure
        return StoreWriteError(
            f"cannot write in {self._folder}: {error.strerror}",
            hint=f"free disk space, make it writable (sudo chown -R {os.getuid()} {self._folder}), "
            "or set CHROMA_PERSIST_PATH to a folder that is",
        )


def _read_holder(descriptor: int) -> Holder | None:
    # Between its flock and its first write a holder has not yet said who it is.
    if has_other_names(descriptor):
        return None
    try:
        said = orjson.loads(os.pread(descriptor, _LENGTH, 0))
        ended = tuple(map(str, said.pop("ended", ())))
        return Holder(str(said.pop("host")), int(said.pop("pid")), str(said.pop("started")), ended)
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError, AttributeError):
        return None
