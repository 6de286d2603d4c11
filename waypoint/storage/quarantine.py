"""Broken files are quarantined, never deleted: someone may still want to look at them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from waypoint.errors import StoreWriteError


def quarantine_of(folder: Path) -> Path:
    """Where broken files of a folder go: inside of it, since it may be a mount point."""
    return folder / f"quarantine-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"


def quarantine(files: Sequence[Path], target: Path) -> None:
    """Move all of the files into a new folder, or none of them.

    Raises:
        StoreWriteError: one cannot be moved; all are where they were.
    """
    moved: list[Path] = []
    try:
        target.mkdir()
        for path in files:
            _move(path, target / path.name)
            moved.append(path)
    except OSError as error:
        for path in reversed(moved):
            _move(target / path.name, path)
        with suppress(OSError):
            target.rmdir()
        raise StoreWriteError(
            f"cannot move {error.filename} into {target}: {error.strerror}; nothing was moved",
            hint="let this user write the folder and all files in it, or move these away yourself: "
            f"{', '.join(path.name for path in files)}",
        ) from error


def _move(path: Path, target: Path) -> None:
    if path.is_symlink() and not (there := path.readlink()).is_absolute():
        # One that is relative would lead elsewhere from the other folder.
        target.symlink_to(os.path.relpath(path.parent / there, target.parent))
        path.unlink()
    else:
        path.rename(target)
