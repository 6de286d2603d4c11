"""Standard streams: what is written to them is sanitized, and never fails.

What goes to a terminal may hold others' words, whoever writes it: an argument that is quoted, a
warning, a traceback. And what a run says must not end it: whoever looked at it through a pipe
(``| head``, ``| tee``), a terminal that was closed, a log that filled its disk.
Work that is billed would be lost in the middle.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from waypoint.sanitize import json_bytes, sanitize
from waypoint.settings import LogLevel

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _SteadyFile(io.FileIO):
    """A descriptor whose failures lose what was written, and nothing else."""

    failure: OSError | None = None
    used = False

    def write(self, data: ReadableBuffer, /) -> int:
        written: int | None
        self.used = True
        try:
            # None of a pipe that is full and was set not to wait.
            written = super().write(data)
        except OSError as error:
            self.failure = error
            written = None
        return memoryview(data).nbytes if written is None else written


class _SanitizedStream(io.TextIOWrapper):
    """Shows escape sequences instead of having them obeyed."""

    as_json = False
    """Whether each line is to be a JSON object, whoever writes it."""
    _begun = ""

    def write(self, text: str, /) -> int:
        self.put(sanitize(text))
        return len(text)

    def put(self, text: str) -> None:
        """Write what is fit to be shown."""
        if not self.as_json:
            super().write(text)
            return
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            super().write(line if line.startswith("{") else _as_json(line))
            super().write("\n")

    @property
    def through(self) -> _Through:
        """The stream without that, for a terminal's own colours (``observe/terminal.py``)."""
        return _Through(self)


class _Through:
    """The same stream, with the same buffer, but for what is written."""

    def __init__(self, stream: _SanitizedStream) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        self._stream.put(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _as_json(line: str) -> str:
    """A line that was written for people, as one of the log."""
    first = line.partition(":")[0].lower()
    level = {"error": LogLevel.ERROR, "hint": LogLevel.ERROR, "warning": LogLevel.WARNING}
    record = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level.get(first, LogLevel.INFO),
        "event": "output",
        "message": line,
    }
    return json_bytes(record).decode().rstrip("\n")


class Streams:
    """What is to be known of stdout and stderr, and changed about them."""

    @staticmethod
    def tell_as_json() -> None:
        """From now on each line of stderr is a JSON object, unless that is a terminal."""
        if isinstance(sys.stderr, _SanitizedStream) and not sys.stderr.isatty():
            sys.stderr.as_json = True

    @staticmethod
    def said_something() -> bool:
        """Whether anything was written to stdout."""
        sys.stdout.flush()
        return getattr(_file_of(sys.stdout), "used", False)

    @staticmethod
    def lost_of_stdout() -> str:
        """Why a part of stdout was lost; nothing for a reader that went away, who knows."""
        sys.stdout.flush()
        failure = getattr(_file_of(sys.stdout), "failure", None)
        return "" if failure is None or isinstance(failure, BrokenPipeError) else failure.strerror


def _file_of(stream: TextIO) -> object:
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


@contextmanager
def steady_streams() -> Iterator[Streams]:
    """Let writing to stdout and stderr never fail; one that is closed is nowhere."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_steady, before)
    try:
        yield Streams()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _steady(stream: TextIO | None) -> TextIO:
    if stream is None:
        # As Python has it for a descriptor that is closed when it starts.
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if not isinstance(raw, io.FileIO):
        # A console of Windows, or a test's.
        return stream
    stream.flush()
    steady = _SteadyFile(raw.fileno(), "wb", closefd=False)
    return _SanitizedStream(
        # Not buffered with ``python -u``, as before.
        steady if raw is stream.buffer else io.BufferedWriter(steady),
        encoding=stream.encoding,
        # What an encoding has no bytes for is shown as well.
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
