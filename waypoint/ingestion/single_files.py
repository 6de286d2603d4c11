"""Single documents given as paths: which folder they are of, and what they are called there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from waypoint.errors import UsageError
from waypoint.sources.kinds import scheme_of
from waypoint.sources.origin import Origin


@dataclass(frozen=True, slots=True)
class GivenPaths:
    """What a run is over."""

    folder: Path | None
    """None for that of the settings."""
    further: tuple[Path, ...]
    """More folders."""
    files: tuple[Path, ...]
    """Only these documents of it, where there are any."""


def given_paths(paths: Iterable[Path], category: str | None) -> GivenPaths:
    """Folders, or single files, as they were given.

    Raises:
        UsageError: as :func:`common_folder` and :func:`files_among`.
    """
    # As in a setting: a shell leaves a tilde in quotes as it is.
    paths = [path.expanduser() if path.parts[:1] == ("~",) else path for path in paths]
    files = files_among(paths)
    if files:
        paths = [common_folder(files, paths, category)]
    return GivenPaths(paths[0] if paths else None, tuple(paths[1:]), files)


def files_among(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those that are files, each of which can be read to an end.

    Raises UsageError for one that cannot, or that cannot be looked for.
    """
    files = []
    for path in paths:
        try:
            is_file = not scheme_of(path) and path.is_file()
        except OSError as error:
            raise _unreadable(path, error) from error
        if is_file:
            check_file(path)
            files.append(path)
    return tuple(files)


def check_file(path: Path) -> None:
    """Raises UsageError unless it is a regular file, as long as it says, that can be read.

    A file of the system's own, as in ``/proc``, says that it is regular, and has no size or no end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            regular = stat.S_ISREG(status.st_mode)
            size = status.st_size
            end = os.pread(descriptor, 2, max(size - 1, 0)) if regular else b""
            changed = os.fstat(descriptor).st_size != size
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not regular or (len(end) != min(size, 1) and not changed):
        raise UsageError(
            f"{str(path)!r} is not a regular file with an end",
            hint="save what it says to a file, and give the path of that",
        )


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{str(path)[:200]!r} cannot be read: {error.strerror or error}",
        hint="give the path of a folder or file that this user may read",
    )


def common_folder(files: Sequence[Path], paths: Sequence[Path], category: str | None) -> Path:
    """The folder that all ``files`` lie in or below.

    Raises UsageError where other ``paths``, or a category, are given beside them.
    """
    for path in paths:
        if path not in files and not path.is_dir():
            raise UsageError(
                f"{str(path)!r} is neither a file nor a folder",
                hint="give the path of a file or folder that is there",
            )
    if len(files) < len(paths):
        raise UsageError(
            f"{str(files[0])!r} is a file, and folders are given beside it",
            hint="ingest single files by a run of their own",
        )
    if category is not None:
        raise UsageError(
            f"{str(files[0])!r} is a file: it has its category already",
            hint="leave --category away",
        )
    return Path(os.path.commonpath([_real(file).parent for file in files]))


def root_of_files(files: Iterable[Path], recorded: Origin | None) -> Path | None:
    """The nearest of a collection's folders that all ``files`` lie below; None if there is none."""
    if recorded is None:
        return None
    roots = [Path(recorded.root), *(Path(origin.root) for origin in recorded.further.values())]
    holding = [root for root in roots if all(_real(file).is_relative_to(root) for file in files)]
    return max(holding, key=lambda root: len(root.parts), default=None)


def sources_below(root: Path, files: Iterable[Path]) -> frozenset[str]:
    """What ``files`` are called below ``root``."""
    real_root = Path(os.path.realpath(root))
    return frozenset(_real(file).relative_to(real_root).as_posix() for file in files)


def _real(file: Path) -> Path:
    """Its path without links to folders; a link in its own place stays one, and isn't read."""
    return Path(os.path.realpath(file.parent)) / file.name
