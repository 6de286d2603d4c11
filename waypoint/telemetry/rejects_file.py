"""``rejects.jsonl``: what stands rejected, one JSON object a line; never a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from waypoint.sanitize import json_bytes

REJECTS_NAME = "rejects.jsonl"


def write_rejects(folder: Path, rejects: Iterable[Mapping[str, str]]) -> Path:
    """Write the file anew, whole or not at all; empty if nothing stands rejected.

    Fields: ``collection``, ``source``, ``chunk`` (empty for a whole document), ``reason`` and,
    where there is one, ``hint``.

    Raises:
        OSError: the folder cannot be written; the file that was there is left as it was.
    """
    path = folder / REJECTS_NAME
    unfinished = path.with_name(f"{REJECTS_NAME}.tmp")
    try:
        with unfinished.open("wb") as file:
            for reject in rejects:
                file.write(json_bytes(reject))
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return path
