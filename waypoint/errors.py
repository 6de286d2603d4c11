"""Every error that Waypoint raises on purpose, what to do about it, and its exit code.

    WaypointError
    ├── UsageError (2)                  the command or its configuration is wrong
    │   ├── ConfigurationError          a setting has an impossible value
    │   ├── MissingKeyError             no API key, and no simulator asked for
    │   └── CollectionMismatchError     the collection was made with other settings
    ├── CannotContinueError (3)         an external problem must be fixed first
    │   ├── KeyRefusedError             the service refuses the key
    │   ├── AccountRefusedError         the service refuses the account: billing, location, project
    │   ├── RequestRefusedError         the service refuses model or request as such
    │   ├── ServiceUnavailableError     the service stayed away longer than we wait
    │   ├── StoreUnavailableError       Chroma cannot be reached, or died
    │   ├── StoreDamagedError           Chroma answers, but its files are broken
    │   ├── ParserUnavailableError      the process that parses documents does not start
    │   ├── StoreLockedError            another process holds the store
    │   ├── OpenFilesError              no more files may be open at once
    │   ├── ScarceError                 no more memory, processes or threads are to be had
    │   ├── StoreWriteError             a disk or a folder that cannot be written
    │   │   └── DiskFullError           no room, or none for what was to be embedded
    │   └── LedgerError                 the ledger cannot be read or written
    │       └── LedgerDamagedError      its file is broken: it is rebuilt from the store
    ├── StoppedEarlyError (4)           stopped on purpose: come back later
    │   ├── DailyQuotaError             the day's texts are used up
    │   ├── BudgetSpentError            the run's own budget is used up
    │   └── JobsPendingError            texts are in batch jobs that have not ended
    ├── InterruptedRunError (130)       a signal stopped the run; it drained
    └── RejectedError                   one document or chunk; the run goes on
        └── DocumentRejectedError
            └── RecordRejectedError     one record of a file of records

An error says what happened (its message) and what to do (its ``hint``). What was done
before it stays done in every case.
"""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum
from pathlib import Path

_PACKAGE = Path(__file__).parent


class ExitCode(IntEnum):
    """What the process says to its caller when it ends."""

    OK = 0
    INCOMPLETE = 1
    """Finished, but documents were rejected or a check failed."""
    USAGE = 2
    CANNOT_CONTINUE = 3
    STOPPED_EARLY = 4
    INTERRUPTED = 130


class WaypointError(Exception):
    """The root. ``hint`` says what to do, to the person at the terminal."""

    exit_code: ExitCode = ExitCode.CANNOT_CONTINUE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


QUOTE_NOTHING = (WaypointError, OSError, ArithmeticError, RecursionError, MemoryError)
"""Errors whose own words are none of a document's."""


def described(error: BaseException) -> str:
    """What may be told of an error to whoever has to mend its cause.

    Of one of ours its message. Of any other its type and where in Waypoint it arose: its own
    words may be a document's, or the bytes that it stumbled over.
    """
    if isinstance(error, WaypointError):
        return error.message
    name = type(error).__name__
    if isinstance(error, QUOTE_NOTHING):
        name += f": {error}"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    if not ours:
        return name
    place = Path(ours[-1].filename).relative_to(_PACKAGE.parent).as_posix()
    return f"{name} at {place}:{ours[-1].lineno}"


class UsageError(WaypointError):
    """The command or its configuration is wrong; nothing was done."""

    exit_code = ExitCode.USAGE


class ConfigurationError(UsageError):
    """One or several settings have impossible values; all of them are named at once."""


class MissingKeyError(UsageError):
    """Neither an API key nor ``--simulate``."""


class CollectionMismatchError(UsageError):
    """The collection was made with another model, dimension, provider or chunking."""


class CannotContinueError(WaypointError):
    """Something outside Waypoint has to be mended; then the same command goes on."""

    exit_code = ExitCode.CANNOT_CONTINUE


class KeyRefusedError(CannotContinueError):
    """The service refuses the key (400 API_KEY_INVALID, 401, 403)."""


class AccountRefusedError(CannotContinueError):
    """The service takes no call of this account, whatever the key: no waiting mends it."""


class RequestRefusedError(CannotContinueError):
    """The service refuses the model or the form of the request, whatever the texts."""


class ServiceUnavailableError(CannotContinueError):
    """The embedding service did not answer usefully for as long as we are to wait."""


class StoreUnavailableError(CannotContinueError):
    """Chroma cannot be started, reached, or has gone away."""


class StoreDamagedError(CannotContinueError):
    """Chroma's files are broken: it answers, but cannot read or write the collection."""


class ParserUnavailableError(CannotContinueError):
    """The process in which documents are parsed does not start."""


class StoreLockedError(CannotContinueError):
    """Another process holds the store; ``hint`` names it."""


class StoreWriteError(CannotContinueError):
    """The disk or the folder cannot be written."""


class DiskFullError(StoreWriteError):
    """There is no room on a disk, or none for the answers of the calls that were to be made."""


class OpenFilesError(CannotContinueError):
    """This process, or the system, may have no more files open: nobody's fault but a limit's."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"too few files may be open at once: {reason}",
            hint="raise the limit (`ulimit -n 1024`), or close other programs; then run the same "
            "command again",
        )


class ScarceError(CannotContinueError):
    """Memory, processes or threads that this process, or the system, may have no more of."""


# What a library that finds no memory to be loaded into fails with.
_NOT_LOADED = ("cannot allocate memory", "failed to map segment")


def scarcity(error: BaseException) -> ScarceError | None:
    """The error to raise if that is what it comes of, itself or by what caused it."""
    for this in _origins(error):
        code = this.errno if isinstance(this, OSError) else None
        not_loaded = isinstance(this, ImportError) and any(
            words in str(this).lower() for words in _NOT_LOADED
        )
        if isinstance(this, MemoryError) or code == errno.ENOMEM or not_loaded:
            return ScarceError(
                "not enough memory",
                hint="allow it more (`ulimit -v`, a container's limit), or end other programs; "
                "then run the same command again",
            )
        # Python has no type for a thread that does not start; EAGAIN is what a fork fails with.
        if code == errno.EAGAIN or "can't start new thread" in str(this):
            return ScarceError(
                "no further process or thread may be started",
                hint="raise the limit (`ulimit -u`, a container's limit), or end other programs; "
                "then run the same command again",
            )
    return None


def no_more_files(error: BaseException) -> OpenFilesError | None:
    """The error to raise if that is what it comes of, itself or by what caused it."""
    for this in _origins(error):
        if isinstance(this, OSError) and this.errno in (errno.EMFILE, errno.ENFILE):
            return OpenFilesError(os.strerror(this.errno).lower())
    return None


def _origins(error: BaseException) -> Iterator[BaseException]:
    """An error, those that it consists of, and those that it was raised from or after."""
    looked_at: list[BaseException] = []
    to_look_at: list[BaseException | None] = [error]
    while to_look_at:
        this = to_look_at.pop()
        if this is None or this in looked_at:
            continue
        yield this
        looked_at.append(this)
        to_look_at += [this.__cause__, this.__context__]
        if isinstance(this, BaseExceptionGroup):
            to_look_at += this.exceptions


class LedgerError(CannotContinueError):
    """The ledger cannot be opened, read or written."""


class LedgerDamagedError(LedgerError):
    """The ledger's file is not a database, or a broken one."""


class StoppedEarlyError(WaypointError):
    """Stopped on purpose before the end; run again later.

    ``texts_left`` and ``tokens_left`` are what may still be sent, too little for the call that
    was to be made; None where it is not bounded.
    """

    exit_code = ExitCode.STOPPED_EARLY
    reason = ""
    """In a word, for a program."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        texts_left: int | None = None,
        tokens_left: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.texts_left = texts_left
        self.tokens_left = tokens_left


class DailyQuotaError(StoppedEarlyError):
    """The texts a day that the account allows are used up, or too few for a call are left."""

    reason = "day"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        remaining: int = 0,
        come_back_at: datetime | None = None,
    ) -> None:
        super().__init__(message, hint=hint, texts_left=remaining)
        self.come_back_at = come_back_at
        """When texts are to be had again, in UTC; None where it is not known."""


class BudgetSpentError(StoppedEarlyError):
    """The run's own budget (``--max-cost``, ``--max-texts``) does not allow the next call."""

    reason = "budget"


class JobsPendingError(StoppedEarlyError):
    """Texts are in batch jobs that have not ended, and the run does not wait for them."""

    reason = "jobs"


class InterruptedRunError(WaypointError):
    """A signal stopped the run; what was in flight is stored."""

    exit_code = ExitCode.INTERRUPTED


class RejectedError(WaypointError):
    """One thing cannot be ingested; the rest goes on."""

    exit_code = ExitCode.INCOMPLETE


class DocumentRejectedError(RejectedError):
    """A document cannot be read. ``source`` is its path below the knowledge base."""

    def __init__(self, source: str, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{source}: {reason}", hint=hint)
        self.source = source
        self.reason = reason


class RecordRejectedError(DocumentRejectedError):
    """One record of a file cannot be a document; the file's others can.

    ``source`` is ``file#record``. Not ``identified``: the record is too damaged to say which it
    is, so that its name is only its place, and its older version may have any name.
    """

    def __init__(self, source: str, reason: str, *, hint: str = "", identified: bool) -> None:
        super().__init__(source, reason, hint=hint)
        self.identified = identified
