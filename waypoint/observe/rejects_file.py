"""``rejects.jsonl``: what stands rejected, one JSON object a line; never a text.

Runs over several stores may share LOG_DIR: each keeps its part in a hidden file beside the list,
which is all parts together.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import orjson

from waypoint.files import locked_folder, open_regular, written_whole
from waypoint.sanitize import json_bytes

REJECTS_NAME = "rejects.jsonl"
_PART_NAME = ".rejects-{}"


def write_rejects(
    folder: Path,
    store: Path,
    rejects: Iterable[Mapping[str, str]],
    is_store: Callable[[Path], bool],
) -> Path:
    """Write the list anew, whole or not at all; empty if nothing stands rejected.

    Fields: ``collection``, ``source``, ``chunk`` (empty for a whole document), ``reason`` and,
    where there is one, ``hint``; ``store`` where the list has rejects of several.

    Args:
        store: the ledger's folder, of which these are all rejects. Those of others stay.
        is_store: whether a folder that earlier rejects are of still has a ledger.

    Raises:
        OSError: the folder cannot be written; the list that was there is left as it was.
    """
    path, here = folder / REJECTS_NAME, str(store.resolve())
    part = folder / _PART_NAME.format(hashlib.sha256(os.fsencode(here)).hexdigest()[:16])
    with locked_folder(folder):
        with written_whole(part) as file:
            file.write(orjson.dumps({"store": here}) + b"\n")
            count = sum(file.write(json_bytes(reject)) > 0 for reject in rejects)
        if not count:
            part.unlink()
        with ExitStack() as stack, written_whole(path) as file:
            parts = dict(_open_parts(folder, is_store, stack))
            for name, lines in parts.items():
                for line in lines:
                    file.write(line if len(parts) == 1 else _with_store(line, name))
    return path


def _open_parts(
    folder: Path, is_store: Callable[[Path], bool], stack: ExitStack
) -> Iterator[tuple[str, BinaryIO]]:
    """The stores with rejects, and their lines; those of a store that is gone are forgotten."""
    for part in sorted(folder.glob(_PART_NAME.format("*"))):
        try:
            descriptor = open_regular(part, os.O_RDONLY)
            lines = stack.enter_context(os.fdopen(descriptor, "rb"))
            store = str(orjson.loads(lines.readline())["store"])
        except (OSError, ValueError, LookupError, TypeError):
            continue  # None of ours, or another user's.
        if is_store(Path(store)):
            yield store, lines
        else:
            part.unlink()


def _with_store(line: bytes, store: str) -> bytes:
    return json_bytes({"store": store}).rstrip(b"}\n") + b"," + line.removeprefix(b"{")
