"""Chroma's own files in the folder of an embedded store."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from waypoint.storage.sqlite_files import database_files

CHROMA_DATABASE = "chroma.sqlite3"


def chroma_files(folder: Path) -> list[Path]:
    """Its database, and a folder for each index."""
    indices = [
        path
        for path in sorted(folder.iterdir())
        if _is_uuid(path.name) and (path.is_dir() or path.is_symlink())
    ]
    return [*database_files(folder / CHROMA_DATABASE), *indices]


def _is_uuid(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True
