"""What a disk has taken but not synced, and how it looks once that is forgotten.

As POSIX has it, and no file system has to do better: the bytes of a file last from its ``fsync``
on, its name from the ``fsync`` of its folder on. What is unsynced when the power goes may be on
the disk all the same, each write by itself.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True, eq=False)
class _File:
    """A file's lasting bytes, and the changes since: a new length, or bytes at an offset."""

    lasting: bytearray = field(default_factory=bytearray)
    changes: list[tuple[int, bytes | None]] = field(default_factory=list)

    def apply(self, kept: float, draw: random.Random) -> None:
        for offset, data in self.changes:
            if draw.random() >= kept:
                continue
            if data is None:
                del self.lasting[offset:]
                self.lasting.extend(bytes(offset - len(self.lasting)))
                continue
            self.lasting.extend(bytes(max(0, offset - len(self.lasting))))
            self.lasting[offset : offset + len(data)] = data
        self.changes.clear()


class Unsynced:
    """Follows the changes below ``root``; paths begin with a slash."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: dict[str, _File] = {}
        self._lasting_names: dict[str, _File] = {}
        for path in self._root.rglob("*"):
            if path.is_file():
                self._names["/" + str(path.relative_to(root))] = _File(bytearray(path.read_bytes()))
        self._lasting_names |= self._names

    def create(self, path: str) -> None:
        self._names[path] = _File()

    def write(self, path: str, offset: int, data: bytes) -> None:
        self._names[path].changes.append((offset, data))

    def truncate(self, path: str, length: int) -> None:
        self._names[path].changes.append((length, None))

    def rename(self, old: str, new: str) -> None:
        for name in [name for name in self._names if f"{name}/".startswith(f"{old}/")]:
            self._names[new + name[len(old) :]] = self._names.pop(name)

    def unlink(self, path: str) -> None:
        del self._names[path]

    def sync(self, path: str) -> None:
        self._names[path].apply(1, random.Random())

    def sync_folder(self, path: str) -> None:
        for names in (self._lasting_names, self._names):
            for name in [name for name in names if str(Path(name).parent) == path]:
                if name in self._names:
                    self._lasting_names[name] = self._names[name]
                else:
                    del self._lasting_names[name]

    def forget(self, draw: random.Random, kept: float) -> None:
        """Make the folder what a power cut leaves of it, each unsynced change kept with a
        likelihood of ``kept``."""
        for name in sorted(self._lasting_names.keys() ^ self._names.keys()):
            if draw.random() < kept:
                if name in self._names:
                    self._lasting_names[name] = self._names[name]
                else:
                    del self._lasting_names[name]
        for entry in self._root.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for name, file in self._lasting_names.items():
            file.apply(kept, draw)
            path = self._root / name[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.lasting)
        self._names = dict(self._lasting_names)
