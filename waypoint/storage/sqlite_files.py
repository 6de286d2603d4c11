"""The files of an SQLite database, and what can be read of one that nobody has opened."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

_PARTS = ("", "-journal", "-shm", "-wal")
"""What the names of SQLite's files end with; a copy beside them is nobody's but the user's."""


def database_files(database: Path) -> list[Path]:
    """Those that are there, the database itself first."""
    paths = [database.with_name(f"{database.name}{part}") for part in _PARTS]
    return [path for path in paths if os.path.lexists(path)]


def collection_names(database: Path) -> list[str] | None:
    """Names in its table of collections; None if it cannot be read."""
    uri = f"{database.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            rows = db.execute("SELECT name FROM collections ORDER BY name")
            return [str(name) for (name,) in rows]
    except (sqlite3.Error, UnicodeDecodeError):
        return None
