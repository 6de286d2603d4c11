"""The walk over the knowledge base: names every file once, in order, and opens none."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from waypoint.errors import UsageError
from waypoint.models import FileReject, SkippedFile, SourceFile, UnreadableFolder
from waypoint.sources.registry import ReaderRegistry

Discovery: TypeAlias = SourceFile | FileReject | SkippedFile | UnreadableFolder

Entry: TypeAlias = "os.DirEntry[str]"

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


def discover(
    root: Path,
    *,
    registry: ReaderRegistry,
    category: str | None = None,
    max_file_size: int,
) -> Iterator[Discovery]:
    """Walk ``root`` depth first, each folder sorted by name; the order is the same every time.

    One folder's entries are held at a time, and those of its parents. Names that begin with a
    dot are left out without a word. Symbolic links are never followed: what lies in the folder
    is found where it lies, what lies outside is not part of it.

    ``category`` restricts the walk to that top folder. ``max_file_size`` is in bytes.

    Raises UsageError, before the first item, if ``root`` is not a folder that can be listed or
    has no such category.
    """
    try:
        entries = _list_folder(root)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"the knowledge base {str(root)!r} is not a folder",
            hint="give the path of an existing folder, or set KNOWLEDGE_BASE_PATH",
        ) from error
    except OSError as error:
        raise UsageError(
            f"the knowledge base {str(root)!r} cannot be listed: {error.strerror}",
            hint="let this user read and enter the folder",
        ) from error
    if category is not None:
        entries = [_category_entry(entries, category)]
    walk = _Walk(os.path.realpath(root), registry, max_file_size)
    return walk.items(entries)


def _list_folder(path: str | Path) -> list[Entry]:
    """The entries that are not hidden, sorted by name. Raises OSError."""
    with os.scandir(path) as listing:
        entries = [entry for entry in listing if not entry.name.startswith(".")]
    entries.sort(key=lambda entry: entry.name)
    return entries


def _category_entry(entries: Iterable[Entry], category: str) -> Entry:
    folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    for entry in folders:
        if entry.name == category:
            return entry
    names = ", ".join(_printable(entry.name) for entry in folders)
    raise UsageError(
        f"the knowledge base has no category {category!r}",
        hint=f"its categories (top folders) are: {names}" if names else "it has no folders",
    )


class _Walk:
    def __init__(self, real_root: str, registry: ReaderRegistry, max_file_size: int) -> None:
        self._real_root = real_root
        self._registry = registry
        self._max_file_size = max_file_size

    def items(self, entries: list[Entry]) -> Iterator[Discovery]:
        # A stack instead of recursion: folders may be nested deeper than Python recurses.
        stack = [("", iter(entries))]
        while stack:
            prefix, remaining = stack[-1]
            entry = next(remaining, None)
            if entry is None:
                stack.pop()
                continue
            problem = _name_problem(entry.name)
            source = prefix + entry.name
            if problem:
                yield FileReject(
                    prefix + _printable(entry.name),
                    problem,
                    "rename it; nothing below a folder of such a name is read",
                )
            elif _is_folder(entry):
                try:
                    stack.append((source + "/", iter(_list_folder(entry.path))))
                except OSError as error:
                    yield UnreadableFolder(source, f"cannot be listed: {error.strerror}")
            else:
                yield self._file(entry, source)

    def _file(self, entry: Entry, source: str) -> Discovery:
        try:
            if entry.is_symlink():
                return SkippedFile(source, self._link_reason(entry))
            if not entry.is_file(follow_symlinks=False):
                return SkippedFile(source, _irregular_reason(entry))
            if not self._registry.supports(entry.name):
                return SkippedFile(source, _no_reader_reason(entry.name))
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            return FileReject(source, f"its size and time cannot be asked: {error.strerror}")
        if status.st_size > self._max_file_size:
            return too_large(source, status.st_size, self._max_file_size)
        return SourceFile(
            source=source,
            path=Path(entry.path),
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
        )

    def _link_reason(self, entry: Entry) -> str:
        target = os.path.realpath(entry.path)
        if not os.path.lexists(target):
            return "symbolic link to nothing"
        if os.path.commonpath((self._real_root, target)) != self._real_root:
            return "symbolic link that leaves the knowledge base"
        return "symbolic link: its target lies in the knowledge base already"


def too_large(source: str, size: int, max_file_size: int) -> FileReject:
    """The reject of a file of ``size`` bytes where ``max_file_size`` are allowed."""
    return FileReject(
        source,
        f"larger than allowed: {size:,} bytes, at most {max_file_size:,}",
        "split the file, or raise --max-file-size",
    )


def _is_folder(entry: Entry) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False  # then asking for its status fails too, and that names it


def _irregular_reason(entry: Entry) -> str:
    mode = entry.stat(follow_symlinks=False).st_mode
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
    return f"not a regular file: {kind}"


def _no_reader_reason(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - Path is slow, and this is a name
    return f"no reader for {suffix}" if suffix else "no reader for files without a suffix"


def _name_problem(name: str) -> str:
    """Why a file of this name cannot be a source; empty if it can."""
    if name.isascii() and name.isprintable():
        return ""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    if len(name.splitlines()) > 1 or name[-1:].splitlines() == [""]:
        return "the name contains a line end"
    return ""


def _printable(name: str) -> str:
    """The name with what is not UTF-8 as ``\\xff``, and line ends as ``\\n``."""
    visible = os.fsencode(name).decode(errors="backslashreplace")
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in visible
    )
