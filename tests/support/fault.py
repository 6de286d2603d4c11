"""What may go wrong with a change of a file, and which files there are."""

from __future__ import annotations

import re
from dataclasses import dataclass

CLASSES = (
    ("ledger", r"waypoint\.sqlite3$"),
    ("ledger log", r"waypoint\.sqlite3-(wal|journal)$"),
    ("ballast", r"waypoint\.ballast"),
    ("lock", r"waypoint\.lock"),
    ("chroma database", r"chroma\.sqlite3"),
    ("chroma log", r"chroma\.log$"),
    ("chroma index", r"[0-9a-f]{8}-[0-9a-f]{4}-"),
    ("samples", r"stats\.jsonl$"),
    ("report", r"run-[^/]*\.json"),
    ("rejects", r"rejects"),
    ("log", r"waypoint\.jsonl"),
    ("stdout", r"stdout$"),
    ("temporary", r"temporary"),
    ("folders", r"/(chroma_db|logs)$"),
)
"""Names of files, and what each says of its path; the first that fits."""


def class_of(path: str) -> str:
    """``other`` is what a run is not known to write."""
    return next((name for name, pattern in CLASSES if re.search(pattern, path)), "other")


@dataclass(slots=True)
class Fault:
    """What is to go wrong."""

    target: str
    """The class of the file."""
    operation: str
    nth: int
    number: int
    """Of the error; 0: half of it is written."""
    scope: str
    """``once``; ``file``: all on the class from then on; ``full``, ``read-only``: the disk is."""
    met: bool = False
