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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from waypoint.sanitize import sanitize

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _SteadyFile(io.FileIO):
    """A descriptor whose failures lose what was written, and nothing else."""

    failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        written: int | None
        try:
            # None of a pipe that is full and was set not to wait.
            written = super().write(data)
        except OSError as error:
            self.failure = error
            written = None
        return memoryview(data).nbytes if written is None else written


class _SanitizedStream(io.TextIOWrapper):
    """Shows escape sequences instead of having them obeyed."""

    def write(self, text: str, /) -> int:
        super().write(sanitize(text))
        return len(text)

    @property
    def through(self) -> _Through:
        """The stream without that, for a terminal's own colours (``observe/terminal.py``)."""
        return _Through(self)


class _Through:
    """The same stream, with the same buffer, but for what is written."""

    def __init__(self, stream: _SanitizedStream) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        return io.TextIOWrapper.write(self._stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def steady_streams() -> Iterator[Callable[[], str]]:
    """Let writing to stdout and stderr never fail; one that is closed is nowhere.

    Yields what says why a part of stdout was lost; nothing for a reader that went away, who
    knows, and nothing for none.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_steady, before)
    try:
        yield _lost_of_stdout
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _lost_of_stdout() -> str:
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    failure = getattr(getattr(buffer, "raw", buffer), "failure", None)
    return "" if failure is None or isinstance(failure, BrokenPipeError) else failure.strerror


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
