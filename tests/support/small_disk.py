"""A disk of a given size: a tmpfs, made and filled for one test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAGE = 4_096
"""Bytes; what a tmpfs gives room in."""


class SmallDisk:
    """A mounted tmpfs; a file on it takes the room that is not to be had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @property
    def free(self) -> int:
        """Bytes."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    def leave(self, size: int) -> None:
        """Leave so many bytes free, in whole pages."""
        self._filler.unlink(missing_ok=True)
        with self._filler.open("wb") as file:
            if (taken := self.free - size) > 0:
                os.posix_fallocate(file.fileno(), 0, taken // PAGE * PAGE)

    def resize(self, size: int) -> None:
        """Make the disk larger, or smaller."""
        _run("mount", "-o", f"remount,size={size}", str(self.folder))


@contextmanager
def small_disk(folder: Path, *, size: int, inodes: int = 0) -> Iterator[SmallDisk]:
    """A disk of so many bytes at ``folder``; the test is skipped where nothing may be mounted.

    ``inodes``: most files; 0 for any number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes}", "none", str(folder))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs to mount a tmpfs: run as root on Linux")
    try:
        yield SmallDisk(folder)
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
