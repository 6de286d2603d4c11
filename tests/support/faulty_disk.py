"""``faulty_disk.py BACKING MOUNT``: a file system (FUSE) whose faults are told in advance.

A folder beneath another path. Each change of a file in it counts by the file's class and the
operation (``log write``, the third of them …); told to, it fails. A line of JSON on standard input
is an order, a line on standard output its answer; the end of standard input ends it.
"""

from __future__ import annotations

import errno
import json
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mfusepy import FUSE, Operations

from tests.support.fault import Fault, class_of
from tests.support.unsynced import Unsynced


class FaultyDisk(Operations):  # type: ignore[misc]
    """Passes everything on to ``root``, but for what is to fail."""

    use_ns = True

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.RLock()
        self._faults: list[Fault] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._classes: dict[int, str] = {}
        self._unsynced = Unsynced(self._root)
        self._cut = False

    # Orders.

    def plan(self, faults: list[dict[str, Any]]) -> None:
        """Begin to count anew; these are to fail."""
        self._faults = [Fault(**fault) for fault in faults]
        self._counts.clear()

    def state(self) -> dict[str, Any]:
        """What was done to each class of files, and which faults were met."""
        return {
            "counts": [[*site, count] for site, count in self._counts.items()],
            "met": [fault.met for fault in self._faults],
        }

    def cut(self, seed: int, kept: float) -> None:
        """The power goes: all fails from now on, and each unsynced change is kept with a
        likelihood of ``kept``."""
        self._cut = True
        self._unsynced.forget(random.Random(seed), kept)

    # What may fail.

    def _meet(self, target: str, operation: str, *, grows: bool = False) -> bool:
        """Count an operation and raise its fault; True if it is to be done by half."""
        if self._cut:
            raise OSError(errno.EIO, "")
        self._counts[target, operation] += 1
        short = False
        for fault in self._faults:
            if fault.met:
                if fault.scope == "file" and fault.target == target:
                    raise OSError(fault.number, "")
                if fault.scope == "read-only" or (fault.scope == "full" and grows):
                    raise OSError(fault.number, "")
            elif (fault.target, fault.operation) == (target, operation) and (
                self._counts[target, operation] >= fault.nth
            ):
                fault.met = True
                if fault.number:
                    raise OSError(fault.number, "")
                short = True
        return short

    def _path(self, path: str) -> Path:
        return self._root / path[1:]

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        with self._lock:
            self._meet(class_of(path), "open", grows=True)
            handle = os.open(self._path(path), os.O_RDWR | os.O_CREAT, mode)
            self._classes[handle] = class_of(path)
            self._unsynced.create(path)
            return handle

    def open(self, path: str, flags: int) -> int:
        with self._lock:
            target = class_of(path)
            if flags & (os.O_WRONLY | os.O_RDWR):
                self._meet(target, "open")
            # Reads fill the kernel's pages around a write; what is appended has its offset.
            flags = flags & ~(os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
            handle = os.open(self._path(path), flags | os.O_RDWR)
            if flags & os.O_TRUNC:
                self._unsynced.truncate(path, 0)
            self._classes[handle] = target
            return handle

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        with self._lock:
            grows = offset + len(data) > os.fstat(fh).st_size
            if self._meet(self._classes[fh], "write", grows=grows) and len(data) > 1:
                data = data[: len(data) // 2]
            self._unsynced.write(path, offset, data)
            return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        with self._lock:
            self._meet(self._classes[fh] if fh else class_of(path), "truncate")
            self._unsynced.truncate(path, length)
            os.truncate(fh or self._path(path), length)

    def fallocate(self, path: str, mode: int, offset: int, size: int, fh: int) -> None:
        with self._lock:
            self._meet(self._classes[fh], "fallocate", grows=True)
            os.posix_fallocate(fh, offset, size)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        with self._lock:
            self._meet(self._classes[fh], "fsync")
            self._unsynced.sync(path)

    def fsyncdir(self, path: str, datasync: int, fh: int) -> None:
        with self._lock:
            self._meet(class_of(path), "fsync")
            self._unsynced.sync_folder(path)

    def rename(self, old: str, new: str) -> None:
        with self._lock:
            # What is removed while it is open is kept by FUSE under another name.
            hidden = Path(new).name.startswith(".fuse_hidden")
            self._meet(class_of(old), "unlink" if hidden else "rename")
            self._path(old).rename(self._path(new))
            self._unsynced.rename(old, new)

    def unlink(self, path: str) -> None:
        with self._lock:
            if not Path(path).name.startswith(".fuse_hidden"):
                self._meet(class_of(path), "unlink")
            self._path(path).unlink()
            self._unsynced.unlink(path)

    def mkdir(self, path: str, mode: int) -> None:
        with self._lock:
            self._meet(class_of(path), "mkdir", grows=True)
            self._path(path).mkdir(mode)

    def rmdir(self, path: str) -> None:
        with self._lock:
            self._meet(class_of(path), "unlink")
            self._path(path).rmdir()

    # What does not fail.

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = os.fstat(fh) if fh else self._path(path).lstat()
        names = ("mode", "nlink", "uid", "gid", "size", "blocks", "ino")
        status = {f"st_{name}": getattr(found, f"st_{name}") for name in names}
        times = {
            f"st_{name}": getattr(found, f"st_{name}_ns") for name in ("atime", "mtime", "ctime")
        }
        return status | times

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(entry.name for entry in self._path(path).iterdir())]

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def release(self, path: str, fh: int) -> None:
        with self._lock:
            self._classes.pop(fh, None)
            os.close(fh)

    def chmod(self, path: str, mode: int) -> None:
        self._path(path).chmod(mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        os.chown(self._path(path), uid, gid)

    def utimens(self, path: str, times: tuple[int, int]) -> None:
        os.utime(self._path(path), ns=times)

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._root)
        names = (
            "bavail",
            "bfree",
            "blocks",
            "bsize",
            "favail",
            "ffree",
            "files",
            "frsize",
            "namemax",
        )
        disk = {f"f_{name}": getattr(found, f"f_{name}") for name in names}
        if any(fault.met and fault.scope == "full" for fault in self._faults):
            disk["f_bavail"] = disk["f_bfree"] = 0
        return disk


def _obey(disk: FaultyDisk) -> None:
    """Orders, one a line."""
    for line in sys.stdin:
        order = json.loads(line)
        do: Callable[..., Any] = getattr(disk, order.pop("do"))
        print(json.dumps(do(**order)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    filesystem = FaultyDisk(Path(sys.argv[1]))
    threading.Thread(target=_obey, args=(filesystem,), daemon=True).start()
    FUSE(filesystem, sys.argv[2], foreground=True, nothreads=True)
