"""What is left out of a knowledge base: by default, by ``.waypointignore``, by options."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from waypoint.errors import DocumentRejectedError, UsageError
from waypoint.formats.text.decoding import decode
from waypoint.sources.patterns import Pattern

IGNORE_FILE = ".waypointignore"
MAX_IGNORE_FILE = 1024 * 1024
"""Bytes; more than that is no list of patterns written by anybody."""

MAX_PATTERNS = 10_000
"""In one file: each path is held against all of them, which takes 0.02 s."""

_RETURN_WITHIN = re.compile(r"\r[^\r\]]")
"""But for ``Icon[\\r]``, as lists of what macOS leaves behind have it."""

HIDDEN = "hidden"
IGNORED = f"ignored by {IGNORE_FILE}"
EXCLUDED = "excluded by --exclude"
OWN = "Waypoint's own (LOG_DIR, CHROMA_PERSIST_PATH)"
NOT_INCLUDED = "not among --include"
VIRTUAL_ENVIRONMENT = "a virtual environment"

_FOLDERS = {
    "node_modules": "installed packages (node_modules)",
    "__pycache__": "a cache (__pycache__)",
    "lost+found": "a file system's own (lost+found)",
}
_VIRTUAL_ENVIRONMENT_MARK = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """A ``.waypointignore`` and where it lies."""

    prefix: str
    """The path of its folder below the knowledge base, with ``/`` behind; empty at the top."""
    patterns: tuple[Pattern, ...]
    warnings: tuple[str, ...]
    """What was odd about how it is written."""

    def verdict(self, source: str, *, is_folder: bool) -> bool | None:
        """True if it ignores the path, False if it takes it back in, None if it is silent."""
        path = os.fsencode(source[len(self.prefix) :])
        for pattern in reversed(self.patterns):
            if pattern.matches(path, is_folder=is_folder):
                return not pattern.takes_back
        return None


class IgnoreFileError(Exception):
    """A ``.waypointignore`` that cannot be read: what it would leave out is not known."""


def read_ignore_file(path: str, prefix: str) -> IgnoreFile:
    """Read ``path``, the ``.waypointignore`` of the folder ``prefix``: text as a document's.

    Raises IgnoreFileError, which says why.
    """
    try:
        text = decode(IGNORE_FILE, _bytes_of(path))
    except OSError as error:
        link = error.errno == errno.ELOOP
        reason = "it is a symbolic link" if link else error.strerror or str(error)
        raise IgnoreFileError(reason) from error
    except DocumentRejectedError as error:
        raise IgnoreFileError(error.reason) from error
    lines = _lines(text.text)
    told = [number for number, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if len(told) > MAX_PATTERNS:
        raise IgnoreFileError(f"it has more than {MAX_PATTERNS:,} patterns")
    patterns = []
    for number in told:
        try:
            patterns.append(Pattern(lines[number - 1]))
        except ValueError as error:
            # Git takes it for a pattern that matches nothing. Whoever wrote it meant something.
            raise IgnoreFileError(f"line {number} is not a pattern: {error}") from error
    return IgnoreFile(prefix, tuple(patterns), text.warnings)


def _lines(text: str) -> list[str]:
    """Those of Git; of a text without a line feed, those of an old Macintosh.

    Raises IgnoreFileError if some may be of one kind and some of the other.
    """
    if "\n" not in text:
        return text.split("\r")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    for number, line in enumerate(lines, 1):
        if _RETURN_WITHIN.search(line):
            raise IgnoreFileError(f"line {number} has a carriage return in it")
    return lines


def _bytes_of(path: str) -> bytes:
    """The file as it is. Raises OSError, IgnoreFileError."""

    def opener(path: str, flags: int) -> int:
        # As with documents: a FIFO is not waited for, and a link not followed.
        return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)

    with open(path, "rb", opener=opener) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise IgnoreFileError("it is not a regular file")
        data = file.read(MAX_IGNORE_FILE + 1)
    if len(data) > MAX_IGNORE_FILE:
        raise IgnoreFileError(f"it is larger than {MAX_IGNORE_FILE:,} bytes")
    return data


class Rules:
    """What is left out, but for the ``.waypointignore`` files that the walk meets.

    ``include`` and ``exclude`` are patterns in gitignore syntax, relative to the knowledge base.

    Raises UsageError for one that is no pattern.
    """

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self._include = _option_patterns("--include", include)
        self._exclude = _option_patterns("--exclude", exclude)

    def includes(self, source: str, inherited: bool, *, is_folder: bool) -> bool:
        """Whether a path is among those to be taken; all are without ``--include``.

        ``inherited``: whether the folder it lies in is named by ``--include``.
        """
        if not self._include:
            return True
        named = _last_match(self._include, source, is_folder=is_folder)
        return inherited if named is None else named

    def reason_to_leave_out(
        self, source: str, name: str, ignore_files: Sequence[IgnoreFile], *, is_folder: bool
    ) -> str:
        """Why a path is left out; empty if it is not. The folder it lies in is not.

        ``--exclude`` comes first, then the nearest ``.waypointignore`` that says something, then
        what is left out by default.
        """
        if _last_match(self._exclude, source, is_folder=is_folder):
            return EXCLUDED
        verdict = _verdict(source, ignore_files, is_folder=is_folder)
        if verdict is not None:
            return IGNORED if verdict else ""
        if name.startswith("."):
            return HIDDEN
        if is_folder:
            return _FOLDERS.get(name, "")
        return "a lock file of an office program" if name.startswith("~$") else ""


def takes_back(source: str, ignore_files: Sequence[IgnoreFile]) -> bool:
    """Whether a ``.waypointignore`` says that this folder is to be read."""
    return _verdict(source, ignore_files, is_folder=True) is False


def is_virtual_environment(names: Iterable[str]) -> bool:
    """Whether a folder with entries of these names is one of Python's (PEP 405)."""
    return _VIRTUAL_ENVIRONMENT_MARK in names


def _verdict(source: str, ignore_files: Sequence[IgnoreFile], *, is_folder: bool) -> bool | None:
    for ignore_file in reversed(ignore_files):
        verdict = ignore_file.verdict(source, is_folder=is_folder)
        if verdict is not None:
            return verdict
    return None


def _last_match(patterns: Sequence[Pattern], source: str, *, is_folder: bool) -> bool | None:
    path = os.fsencode(source)
    for pattern in reversed(patterns):
        if pattern.matches(path, is_folder=is_folder):
            return not pattern.takes_back
    return None


def _option_patterns(option: str, lines: Iterable[str]) -> list[Pattern]:
    patterns = []
    for line in lines:
        try:
            patterns.append(Pattern(line))
        except ValueError as error:
            raise UsageError(
                f"{option} {line!r} is not a pattern: {error}",
                hint="patterns are those of .gitignore: '*.tmp', 'drafts/', '/top.md'",
            ) from error
    return patterns
