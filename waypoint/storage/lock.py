"""The lock on a store's folder: one process at a time, freed by the kernel when it dies.

Two Chroma processes on one folder corrupt it without a word, and two runs on one ledger would
pay twice. The lock is a ``flock`` on a file, so a killed holder never leaves it behind; the
private Chroma server inherits the descriptor, so the folder stays locked until that is gone.
"""

from __future__ import annotations

import fcntl
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import orjson

from waypoint.errors import StoreLockedError, StoreWriteError

LOCK_NAME = "waypoint.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock, as it wrote of itself."""

    host: str
    pid: int
    started: str
    """UTC, ISO 8601."""

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

    @property
    def descriptor(self) -> int:
        """To be inherited by the server that shares the folder."""
        return self._descriptor

    def __enter__(self) -> StoreLock:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
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
        me = Holder(socket.gethostname(), os.getpid(), datetime.now(UTC).isoformat("T", "seconds"))
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, orjson.dumps(asdict(me)), 0)
        except OSError as error:
            os.close(descriptor)
            raise self._unwritable(error) from error
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def _unwritable(self, error: OSError) -> StoreWriteError:
        return StoreWriteError(
            f"cannot write in {self._folder}: {error.strerror}",
            hint=f"free disk space, make it writable (sudo chown -R {os.getuid()} {self._folder}), "
            "or set CHROMA_PERSIST_PATH to a folder that is",
        )


def _read_holder(descriptor: int) -> Holder | None:
    # Between its flock and its first write a holder has not yet said who it is.
    try:
        return Holder(**orjson.loads(os.pread(descriptor, 4096, 0)))
    except (orjson.JSONDecodeError, TypeError):
        return None
