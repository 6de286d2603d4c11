"""Broken files are quarantined, never deleted: someone may still want to look at them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from waypoint.errors import StoreWriteError
from waypoint.storage.ledger import LEDGER_NAME

CHROMA_DATABASE = "chroma.sqlite3"
_PARTS = ("", "-journal", "-shm", "-wal")
"""What the names of SQLite's files end with; a copy beside them is nobody's but the user's."""


def chroma_files(folder: Path) -> list[Path]:
    """Chroma's own files in the store's folder: its database, and a folder for each index."""
    indices = [
        path
        for path in sorted(folder.iterdir())
        if _is_uuid(path.name) and (path.is_dir() or path.is_symlink())
    ]
    return [*_files_of(folder / CHROMA_DATABASE), *indices]


def ledger_files(folder: Path) -> list[Path]:
    """The ledger with its write-ahead log."""
    return _files_of(folder / LEDGER_NAME)


def _files_of(database: Path) -> list[Path]:
    paths = [database.with_name(f"{database.name}{part}") for part in _PARTS]
    return [path for path in paths if os.path.lexists(path)]


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


def collection_names(folder: Path) -> list[str] | None:
    """Names of the collections in Chroma's database; None if it cannot be read."""
    return _names_in(folder / CHROMA_DATABASE)


def known_names(folder: Path) -> list[str]:
    """Names of the collections that the ledger knows, as far as it can be read."""
    return _names_in(folder / LEDGER_NAME) or []


def _names_in(database: Path) -> list[str] | None:
    uri = f"{database.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            rows = db.execute("SELECT name FROM collections ORDER BY name")
            return [str(name) for (name,) in rows]
    except (sqlite3.Error, UnicodeDecodeError):
        return None


def _move(path: Path, target: Path) -> None:
    if path.is_symlink() and not (there := path.readlink()).is_absolute():
        # One that is relative would lead elsewhere from the other folder.
        target.symlink_to(os.path.relpath(path.parent / there, target.parent))
        path.unlink()
    else:
        path.rename(target)


def _is_uuid(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True
