"""The walk over the knowledge base: names every file once, in order, and opens none."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from waypoint.errors import UsageError, no_more_files
from waypoint.formats.registry import ReaderRegistry, is_image
from waypoint.models import (
    Discovery,
    FileReject,
    Sidecar,
    SkippedFile,
    SourceFile,
    UnreadableFolder,
    WalkWarning,
)
from waypoint.sources.ignoring import (
    EXCLUDED,
    IGNORE_FILE,
    IGNORED,
    NOT_INCLUDED,
    OWN,
    VIRTUAL_ENVIRONMENT,
    IgnoreFile,
    IgnoreFileError,
    Rules,
    is_virtual_environment,
    read_ignore_file,
    takes_back,
)
from waypoint.sources.names import NameClashes, name_problem, printable_name
from waypoint.sources.sidecars import SIDECAR, FolderSidecars, find_sidecars, is_directory
from waypoint.sources.snapshot import too_large, version_of

Entry: TypeAlias = "os.DirEntry[str]"

_SUFFIX = re.compile(r"\.[^\s.]{1,16}")
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
    only: frozenset[str] | None = None,
    max_file_size: int,
    rules: Rules | None = None,
    own: Sequence[Path] = (),
    files: frozenset[str] | None = None,
) -> Iterator[Discovery]:
    """Walk ``root`` depth first, each folder sorted by name; the order is the same every time.

    One folder's entries are held at a time, and those of its parents. Symbolic links are never
    followed: what lies in the folder is found where it lies, what lies outside is not part of it.
    A folder that is left out is one item, whatever it holds.

    ``category`` restricts the walk to that top folder, ``only`` to those of some top folders that
    are there, ``files`` to some sources. ``max_file_size`` is in bytes. ``own``:
    folders of Waypoint's, left out whatever the rules say: a log that is ingested makes more log.

    Raises UsageError, before the first item, if ``root`` is not a folder that can be listed or
    has no such category.
    """
    walk = _Walk(root, registry, max_file_size, rules or Rules(), own, files)
    if walk.is_own(""):
        raise UsageError(
            f"the knowledge base {str(root)!r} is itself where Waypoint writes",
            hint="set LOG_DIR and CHROMA_PERSIST_PATH to other folders",
        )
    try:
        top = walk.open_folder(str(root), "", (), included=False)
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
    except IgnoreFileError as error:
        raise UsageError(
            f"the {IGNORE_FILE} of the knowledge base {str(root)!r} cannot be read: {error}",
            hint="make it a text file of patterns that this user may read, or remove it",
        ) from error
    if category is not None:
        top = replace(top, entries=[walk.category(top, category)])
    if only is not None:
        folders = [each for each in top.entries if each.name in only and is_directory(each)]
        top = replace(top, entries=folders)
    return walk.items(top)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that was listed."""

    prefix: str
    """Its path below the knowledge base, with ``/`` behind; empty for the knowledge base."""
    entries: list[Entry]
    """Sorted by name, without its ``.waypointignore``."""
    ignore_files: tuple[IgnoreFile, ...]
    """Those that hold in it, the nearest last."""
    included: bool
    """Whether it lies in a folder that ``--include`` names, or is one."""
    sidecars: FolderSidecars = field(default_factory=FolderSidecars)


class _Walk:
    def __init__(
        self,
        root: Path,
        registry: ReaderRegistry,
        max_file_size: int,
        rules: Rules,
        own: Sequence[Path],
        files: frozenset[str] | None,
    ) -> None:
        self._wanted = None if files is None else {part for file in files for part in _way_to(file)}
        self._real_root = os.path.realpath(root)
        self._own = frozenset(os.path.realpath(folder) for folder in own)
        self._registry = registry
        self._max_file_size = max_file_size
        self._rules = rules

    def open_folder(
        self,
        path: str,
        prefix: str,
        ignore_files: tuple[IgnoreFile, ...],
        *,
        included: bool,
        above: tuple[Sidecar, ...] = (),
    ) -> _Folder:
        """List a folder; ``above``: the sidecars about it. Raises OSError, IgnoreFileError."""
        entries, ignore_path = [], ""
        with os.scandir(path) as listing:
            for entry in listing:
                if entry.name == IGNORE_FILE:
                    ignore_path = entry.path
                else:
                    entries.append(entry)
        entries.sort(key=lambda entry: entry.name)
        if ignore_path:
            ignore_files = (*ignore_files, read_ignore_file(ignore_path, prefix))
        folder = _Folder(prefix, entries, ignore_files, included)

        def is_left_out(entry: Entry) -> bool:
            # By somebody's word: hidden by default is the sidecar of a hidden file as well.
            return self._reason(folder, entry, is_folder=False) in (EXCLUDED, IGNORED)

        return replace(folder, sidecars=find_sidecars(entries, prefix, above, is_left_out))

    def category(self, top: _Folder, category: str) -> Entry:
        """The top folder of that name. Raises UsageError."""
        folders = [
            entry
            for entry in top.entries
            if is_directory(entry) and not self._reason(top, entry, is_folder=True)
        ]
        for entry in folders:
            if entry.name == category:
                return entry
        names = ", ".join(printable_name(entry.name) for entry in folders)
        raise UsageError(
            f"the knowledge base has no category {category!r}",
            hint=f"its categories (top folders) are: {names}" if names else "it has no folders",
        )

    def items(self, top: _Folder) -> Iterator[Discovery]:
        # A stack instead of recursion: folders may be nested deeper than Python recurses.
        yield from _oddities(top)
        stack = [(top, iter(top.entries), NameClashes())]
        while stack:
            folder, remaining, clashes = stack[-1]
            entry = next(remaining, None)
            if entry is None:
                stack.pop()
                continue
            source = folder.prefix + entry.name
            if self._wanted is not None and source not in self._wanted:
                continue
            is_folder = is_directory(entry)
            if reason := self._reason(folder, entry, is_folder=is_folder):
                yield SkippedFile(folder.prefix + printable_name(entry.name), reason, named=False)
            elif problem := name_problem(entry.name):
                yield FileReject(
                    folder.prefix + printable_name(entry.name),
                    problem,
                    "rename it; nothing below a folder of such a name is read",
                )
            elif is_folder:
                opened = self._enter(folder, entry, source)
                if not isinstance(opened, _Folder):
                    yield opened
                    continue
                if warning := clashes.warning(entry.name):
                    yield WalkWarning(source, warning)
                yield from _oddities(opened, beside=folder)
                stack.append((opened, iter(opened.entries), NameClashes()))
            else:
                item = self._file(folder, entry, source)
                if isinstance(item, SourceFile) and (warning := clashes.warning(entry.name)):
                    yield WalkWarning(source, warning)
                told = isinstance(item, SourceFile) or entry.name in folder.sidecars.names
                if told and (warning := folder.sidecars.warnings.get(entry.name, "")):
                    yield WalkWarning(source, warning)
                yield item

    def is_own(self, source: str) -> bool:
        """Whether a folder of the walk is one of Waypoint's; no link leads to it from above."""
        return os.path.normpath(os.path.join(self._real_root, source)) in self._own  # noqa: PTH118

    def _reason(self, folder: _Folder, entry: Entry, *, is_folder: bool) -> str:
        if is_folder and self._own and self.is_own(folder.prefix + entry.name):
            return OWN
        return self._rules.reason_to_leave_out(
            folder.prefix + entry.name, entry.name, folder.ignore_files, is_folder=is_folder
        )

    def _enter(
        self, folder: _Folder, entry: Entry, source: str
    ) -> _Folder | SkippedFile | UnreadableFolder:
        included = self._rules.includes(source, folder.included, is_folder=True)
        try:
            opened = self.open_folder(
                entry.path,
                source + "/",
                folder.ignore_files,
                included=included,
                above=folder.sidecars.above,
            )
        except OSError as error:
            if no_files := no_more_files(error):
                raise no_files from error
            reason = f"the folder cannot be listed: {error.strerror}"
            return UnreadableFolder(source, reason, "let this user read and enter it")
        except IgnoreFileError as error:
            if no_files := no_more_files(error):
                raise no_files from error
            # What it would leave out may be private: nothing of the folder is taken.
            return UnreadableFolder(
                source,
                f"its {IGNORE_FILE} cannot be read: {error}",
                "make that a text file of patterns that this user may read, or remove it",
            )
        if is_virtual_environment(each.name for each in opened.entries) and not takes_back(
            source, folder.ignore_files
        ):
            return SkippedFile(source, VIRTUAL_ENVIRONMENT, named=False)
        return opened

    def _file(self, folder: _Folder, entry: Entry, source: str) -> Discovery:
        if entry.name in folder.sidecars.names:
            return SkippedFile(source, SIDECAR, named=False)
        if not self._rules.includes(source, folder.included, is_folder=False):
            return SkippedFile(source, NOT_INCLUDED, named=False)
        try:
            if entry.is_symlink():
                return SkippedFile(source, self._link_reason(entry))
            if not entry.is_file(follow_symlinks=False):
                return SkippedFile(source, _irregular_reason(entry))
            if not self._registry.supports(entry.name):
                reason = _no_reader_reason(entry.name)
                return SkippedFile(source, reason, named=False, stays=is_image(entry.name))
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            return FileReject(source, f"its size and time cannot be asked: {error.strerror}")
        if status.st_size > self._max_file_size:
            return too_large(source, status.st_size, self._max_file_size)
        sidecars = folder.sidecars.of(entry.name)
        return SourceFile(source, Path(entry.path), status.st_size, version_of(status), sidecars)

    def _link_reason(self, entry: Entry) -> str:
        try:
            os.stat(entry.path)  # noqa: PTH116 - called for every link of the walk
        except FileNotFoundError:
            return "symbolic link to nothing"
        except OSError as error:
            # A circle, or a chain of more links than the system follows.
            return f"symbolic link that cannot be followed: {error.strerror}"
        target = os.path.realpath(entry.path)
        if os.path.commonpath((self._real_root, target)) != self._real_root:
            return "symbolic link that leaves the knowledge base"
        return "symbolic link: its target lies in the knowledge base already"


def _way_to(source: str) -> Iterator[str]:
    """The source, and the folders it lies in."""
    while source:
        yield source
        source = source.rpartition("/")[0]


def _oddities(folder: _Folder, *, beside: _Folder | None = None) -> Iterator[WalkWarning]:
    """Warnings of the folder's own ``.waypointignore``, if it has one."""
    inherited = len(beside.ignore_files) if beside else 0
    for ignore_file in folder.ignore_files[inherited:]:
        for warning in ignore_file.warnings:
            yield WalkWarning(ignore_file.prefix + IGNORE_FILE, warning)


def _irregular_reason(entry: Entry) -> str:
    mode = entry.stat(follow_symlinks=False).st_mode
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
    return f"not a regular file: {kind}"


def _no_reader_reason(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - Path is slow, and this is a name
    # "Minutes of 3. March" has none; each such name would be a reason of its own.
    is_one = _SUFFIX.fullmatch(suffix)
    return f"no reader for {suffix}" if is_one else "no reader for files without a suffix"
