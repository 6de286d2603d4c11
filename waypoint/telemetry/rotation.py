"""A file that lines are appended to, and that gives way to a new one when it is full."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType


class RotatingFile:
    """``name`` is written; ``name.1`` to ``name.<backups>`` are what was before, newest first.

    Another process that writes the same file goes on in what became ``name.1``: no line is
    broken, and none is lost before that one's turn has come.

    Args:
        most_bytes: size from which on the file gives way; 0 for never.
        backups: files kept beside it; 0 for none.

    Raises:
        OSError: at once, or from any method: the file cannot be written, or not be renamed.
    """

    def __init__(self, path: Path, *, most_bytes: int, backups: int) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._backups = backups
        self._file = path.open("ab")

    def write(self, line: bytes) -> None:
        """Append a line, which is never divided between two files."""
        if self._most_bytes and self._file.tell() and self._regular_and_full(len(line)):
            self._give_way()
        self._file.write(line)

    def flush(self) -> None:
        self._file.flush()

    def __enter__(self) -> RotatingFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _regular_and_full(self, more: int) -> bool:
        # A pipe or a device has no size, and must not be renamed.
        return self._file.tell() + more > self._most_bytes and self._path.is_file()

    def _give_way(self) -> None:
        self._file.close()
        for number in range(self._backups, 0, -1):
            older = self._path if number == 1 else self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        self._file = self._path.open("ab" if self._backups else "wb")

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
