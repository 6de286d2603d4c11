"""A file that lines are appended to, and that gives way to a new one when it is full."""

from __future__ import annotations

import os
from pathlib import Path

from waypoint.files import locked_folder, open_to_append


class RotatingFile:
    """``name`` is written; ``name.1`` to ``name.<backups>`` are what was before, newest first.

    Several processes may write the same file: each line is whole, and none is lost before its
    turn has come.

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
        self._open()

    def write(self, line: bytes) -> None:
        """Append a line, which is never divided between two files."""
        size = self._file.tell()
        if self._most_bytes and size and size + len(line) > self._most_bytes:
            self._file.flush()
            with locked_folder(self._path.parent):
                self._give_way()
        self._file.write(line)

    def flush(self) -> None:
        self._file.flush()

    def __enter__(self) -> RotatingFile:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._file.close()

    def _open(self) -> None:
        self._file = os.fdopen(open_to_append(self._path), "ab")

    def _give_way(self) -> None:
        if self._is_there():
            if not self._backups:
                self._path.unlink()
            for number in range(self._backups, 0, -1):
                older = self._path if number == 1 else self._numbered(number - 1)
                if os.path.lexists(older):
                    older.replace(self._numbered(number))
        self._file.close()
        self._open()

    def _is_there(self) -> bool:
        # Else another process has made it give way already.
        try:
            there = self._path.lstat()
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._file.fileno()))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
