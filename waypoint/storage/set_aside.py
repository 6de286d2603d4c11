"""Broken files are moved out of the way, never deleted: someone may still want to look at them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from waypoint.errors import StoreWriteError
from waypoint.storage.ledger import LEDGER_NAME

_CHROMA_DATABASE = "chroma.sqlite3"


def chroma_files(folder: Path) -> list[Path]:
    """Chroma's own files in the store's folder: its database, and a folder for each index."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.name.startswith(_CHROMA_DATABASE) or (path.is_dir() and _is_uuid(path.name))
    ]


def ledger_files(folder: Path) -> list[Path]:
    """The ledger with its write-ahead log."""
    return sorted(folder.glob(f"{LEDGER_NAME}*"))


def set_aside(folder: Path, files: Iterable[Path]) -> Path:
    """Move files into ``set-aside-<date>/`` inside the folder, which may be a mount point.

    Raises:
        StoreWriteError: the folder cannot be written.
    """
    target = folder / f"set-aside-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    try:
        target.mkdir()
        for path in files:
            path.rename(target / path.name)
    except OSError as error:
        raise StoreWriteError(
            f"cannot move broken files into {target}: {error.strerror}",
            hint="make the folder writable, or move them yourself",
        ) from error
    return target


def collection_names(folder: Path) -> list[str] | None:
    """Names of the collections in Chroma's database; None if it cannot be read."""
    uri = f"{(folder / _CHROMA_DATABASE).resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            return [name for (name,) in db.execute("SELECT name FROM collections ORDER BY name")]
    except sqlite3.Error:
        return None


def _is_uuid(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True
