"""Single documents given as paths: which folder they are of, and what they are called there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from waypoint.errors import UsageError
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
        UsageError: as :func:`common_folder`.
    """
    # As in a setting: a shell leaves a tilde in quotes as it is.
    paths = [path.expanduser() if path.parts[:1] == ("~",) else path for path in paths]
    files = tuple(path for path in paths if path.is_file())
    if files:
        paths = [common_folder(files, paths, category)]
    return GivenPaths(paths[0] if paths else None, tuple(paths[1:]), files)


def common_folder(files: Sequence[Path], paths: Sequence[Path], category: str | None) -> Path:
    """The folder that all ``files`` lie in or below.

    Raises UsageError where other ``paths``, or a category, are given beside them.
    """
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
