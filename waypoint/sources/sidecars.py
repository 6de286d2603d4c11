"""Which files are sidecars of which, and what those of a file say."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from waypoint.errors import DocumentRejectedError
from waypoint.formats.sidecars import NO_FIELDS, SidecarFields, read_fields
from waypoint.models import Metadata, MetadataValue, Sidecar, SourceFile
from waypoint.sources.snapshot import version_of

SIDECAR = "metadata of other files (sidecars)"
ENDINGS = (".meta.yaml", ".meta.yml", ".meta.json")
"""Behind the name of the file that a sidecar is about; of several, the first wins."""
FOLDER_NAMES = ("_metadata.yaml", "_metadata.yml", "_metadata.json")
"""Of those that are about all below their folder."""
_EITHER = (*ENDINGS, *FOLDER_NAMES)
_MOST_KEPT = 256
"""Those of folders are asked for again and again."""

Entry: TypeAlias = "os.DirEntry[str]"


@dataclass(frozen=True, slots=True)
class FolderSidecars:
    """The sidecars among the entries of a folder."""

    names: frozenset[str] = frozenset()
    """Of all of them, also those that somebody left out."""
    above: tuple[Sidecar, ...] = ()
    """Those about all below it, with those of the folders it lies in; the nearest first."""
    beside: Mapping[str, Sequence[Sidecar]] = field(default_factory=dict)
    """Those about single files of it, by their names."""
    warnings: Mapping[str, str] = field(default_factory=dict)
    """What is odd about single entries, by their names."""

    def of(self, name: str) -> tuple[Sidecar, ...]:
        """Those about the file of that name, the nearest first."""
        return (*self.beside.get(name, ()), *self.above)


def find_sidecars(
    entries: Sequence[Entry],
    prefix: str,
    above: tuple[Sidecar, ...],
    is_left_out: Callable[[Entry], bool],
) -> FolderSidecars:
    """``prefix``: the folder's path, with ``/`` behind; ``above``: what is inherited.

    Opens none. One that somebody left out says nothing, and is no document either.
    """
    about = {
        entry.name: file
        for entry in entries
        if entry.name.lower().endswith(_EITHER)
        and (file := _about(entry.name)) is not None
        and not is_directory(entry)
    }
    if not about:
        return FolderSidecars(above=above)
    files = {entry.name: entry for entry in entries}
    warnings: dict[str, str] = {}
    documents: set[str] = set()
    found: dict[str, list[Sidecar]] = {"": []}
    for name in sorted(about, key=_rank):
        file = about[name]
        if file and (file not in files or is_directory(files[file])):
            documents.add(name)
            warnings[name] = f"no file {file!r} lies beside it: read as a document of its own"
        elif is_left_out(files[name]):
            continue
        elif kind := _irregular_kind(files[name]):
            warnings[name] = f"not read: {kind}; metadata of other files have to be in a plain file"
        else:
            others = found.setdefault(file, [])
            if others:
                first = others[0].source.removeprefix(prefix)
                warnings[name] = f"{first!r} is about the same: it wins where both have a field"
            others.append(_sidecar(files[name], prefix, beside=bool(file)))
    return FolderSidecars(
        frozenset(about.keys() - documents), (*found.pop(""), *above), found, warnings
    )


def _about(name: str) -> str | None:
    """The name of the file it is about; empty for all below its folder, None for no sidecar."""
    lower = name.lower()
    if lower in FOLDER_NAMES:
        return ""
    ending = next((each for each in ENDINGS if lower.endswith(each)), "")
    return name[: -len(ending)] or None if ending else None


def _rank(name: str) -> tuple[int, str]:
    ending = next(at for at, each in enumerate(_EITHER) if name.lower().endswith(each))
    return ending, name


def is_directory(entry: Entry) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False  # then asking for its status fails too, and that names it


def _irregular_kind(entry: Entry) -> str:
    """What it is in place of a plain file; empty for one."""
    try:
        if entry.is_symlink():
            return "a symbolic link"
        return "" if entry.is_file(follow_symlinks=False) else "not a regular file"
    except OSError:
        return ""  # as above


def _sidecar(entry: Entry, prefix: str, *, beside: bool) -> Sidecar:
    source = prefix + entry.name
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return Sidecar(source, "", beside)
    return Sidecar(source, version_of(status), beside)


def sidecars_of(root: Path, source: str) -> tuple[Sidecar, ...]:
    """Those of one file, whether or not a walk of ``root`` would meet it. Raises OSError."""
    parts = source.split("/")
    above: tuple[Sidecar, ...] = ()
    for depth, part in enumerate(parts):
        with os.scandir(root.joinpath(*parts[:depth])) as entries:
            prefix = "".join(f"{part}/" for part in parts[:depth])
            found = find_sidecars(list(entries), prefix, above, lambda _: False)
        above = found.above
    return found.of(part)


class SidecarReader:
    """Reads what sidecars say; one that many files share mostly once.

    Args:
        read: a sidecar's bytes, and the version they are of. Raises DocumentRejectedError if it
            cannot be read.
    """

    def __init__(self, read: Callable[[Sidecar], tuple[Sidecar, bytes]]) -> None:
        self._read = read
        self._kept = lru_cache(_MOST_KEPT)(self._read_one)

    def fields_of(self, file: SourceFile) -> tuple[SourceFile, SidecarFields]:
        """What the sidecars of a file say; and the file, with the versions that say it."""
        if not file.sidecars:
            return file, NO_FIELDS
        beside: dict[str, MetadataValue] = {}
        above: dict[str, MetadataValue] = {}
        warnings: tuple[str, ...] = ()
        versions = []
        for sidecar in file.sidecars:
            version, fields, told = self._kept(sidecar)
            versions.append(version)
            warnings += told
            taken = beside if sidecar.beside else above
            taken.update({key: fields[key] for key in fields if key not in taken})
        read = replace(file, sidecars=tuple(versions))
        return read, SidecarFields(beside, above, warnings)

    def _read_one(self, sidecar: Sidecar) -> tuple[Sidecar, Metadata, tuple[str, ...]]:
        try:
            version, data = self._read(sidecar)
        except DocumentRejectedError as error:
            told = (f"{sidecar.source}: not read: {error.reason}",)
            return replace(sidecar, version=""), {}, told
        return version, *read_fields(sidecar.source, data)
