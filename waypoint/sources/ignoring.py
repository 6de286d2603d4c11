"""What is left out of a knowledge base: by default, by ``.waypointignore``, by options."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from waypoint.errors import UsageError

IGNORE_FILE = ".waypointignore"
MAX_IGNORE_FILE = 1024 * 1024
"""Bytes; more than that is no list of patterns written by anybody."""

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
_ANY_FOLDER = "(?P<ps_d>/)"
"""The regex that pathspec has for ``*/`` and the like."""


class _Compiled(Protocol):
    """What is used of pathspec's patterns."""

    @property
    def include(self) -> bool | None: ...

    @property
    def regex(self) -> re.Pattern[str] | None: ...


class Pattern:
    """One line in gitignore syntax, as pathspec compiles it.

    pathspec also takes what lies in a folder for matched where the folder is. Git asks for each
    path alone, on the way down: ``!src`` takes ``src`` back in, not ``src/node_modules``. So the
    compiled expression is asked here for a path itself.

    Raises ValueError if the line is no pattern.
    """

    def __init__(self, line: str) -> None:
        # Late: it takes 0.08 s to import, and most knowledge bases need none of it.
        from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

        compiled: _Compiled = GitIgnoreSpecPattern(line)
        self.takes_back = compiled.include is False
        """Whether it begins with ``!``."""
        regex = compiled.regex if compiled.include is not None else None
        if regex is not None and "[^" in regex.pattern:
            # A class such as [!a] never stands for the slash between two names.
            regex = re.compile(regex.pattern.replace("[^", "[^/"))
        self._regex = regex
        parts = line.rstrip().split("/")
        self._only_folders = not parts[-1]
        last = parts[-2] if self._only_folders and len(parts) > 1 else parts[-1]
        self._only_below = last == "**"
        # ``**/*/**/`` has the same regex as ``**/``, but is about folders below folders.
        below_some = self._only_below and not set(parts) <= {"", "!", "**", "!**"}
        self._any_folder = regex is not None and regex.pattern == _ANY_FOLDER and not below_some
        self._anything = regex is not None and regex.pattern == "."

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Whether it matches this very path, relative to where the pattern stands."""
        regex = self._regex
        if regex is None or (self._only_folders and not is_folder):
            return False
        if self._anything or self._any_folder:
            return True
        if self._only_below:
            return regex.search(path) is not None
        return regex.fullmatch(f"{path}/" if self._only_folders else path) is not None


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """A ``.waypointignore`` and where it lies."""

    prefix: str
    """The path of its folder below the knowledge base, with ``/`` behind; empty at the top."""
    patterns: tuple[Pattern, ...]
    bad_lines: tuple[int, ...]
    """Numbers, from 1, of lines that are no patterns."""

    def verdict(self, source: str, *, is_folder: bool) -> bool | None:
        """True if it ignores the path, False if it takes it back in, None if it is silent."""
        path = source[len(self.prefix) :]
        for pattern in reversed(self.patterns):
            if pattern.matches(path, is_folder=is_folder):
                return not pattern.takes_back
        return None


class IgnoreFileError(Exception):
    """A ``.waypointignore`` that cannot be read: what it would leave out is not known."""


def read_ignore_file(path: str, prefix: str) -> IgnoreFile:
    """Read ``path``, the ``.waypointignore`` of the folder ``prefix``.

    Raises IgnoreFileError.
    """
    try:
        # As with documents: a FIFO is not waited for, and a link not followed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise IgnoreFileError("not a regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(MAX_IGNORE_FILE + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise IgnoreFileError(error.strerror or str(error)) from error
    if len(data) > MAX_IGNORE_FILE:
        raise IgnoreFileError(f"larger than {MAX_IGNORE_FILE:,} bytes")
    patterns, bad_lines = [], []
    # Names that are not UTF-8 come from the system with the same escapes.
    text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
    for number, line in enumerate(text.split("\n"), 1):
        try:
            patterns.append(Pattern(line))
        except ValueError:
            bad_lines.append(number)
    return IgnoreFile(prefix, tuple(patterns), tuple(bad_lines))


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
    for pattern in reversed(patterns):
        if pattern.matches(source, is_folder=is_folder):
            return not pattern.takes_back
    return None


def _option_patterns(option: str, lines: Iterable[str]) -> list[Pattern]:
    patterns = []
    for line in lines:
        try:
            patterns.append(Pattern(line))
        except ValueError as error:
            raise UsageError(
                f"{option} {line!r} is not a pattern",
                hint="patterns are those of .gitignore: '*.tmp', 'drafts/', '/top.md'",
            ) from error
    return patterns
