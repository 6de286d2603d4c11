"""Room on the ledger's disk that a file holds, and gives back when the disk is full."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

BALLAST_NAME = "waypoint.ballast"

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a disk without room for a file fails with, or a user without."""

_BLOCK = 512
"""Bytes; the unit of ``st_blocks``."""
_PIECE = 1 << 20


class Ballast:
    """A file beside the ledger, as large as what is in flight will need; gone with the run.

    One that a killed run left behind is removed first: its room may be what this run needs.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / BALLAST_NAME
        self._descriptor = -1
        self.size = 0
        """Bytes that are held."""
        self._remove()

    def hold(self, size: int) -> None:
        """Hold at least so many bytes; what is held already stays.

        Raises:
            OSError: there is no room for them; as much is held as before.
        """
        if size <= self.size:
            return
        if self._descriptor < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        try:
            _allocate(self._descriptor, self.size, size - self.size)
        except OSError:
            self._cut(self.size)
            raise
        self.size = size

    def give_way(self, size: int) -> bool:
        """Give so many bytes back to the disk; False if nothing was left, or could be given."""
        left = max(0, self.size - size)
        given = self.size > left and self._cut(left)
        self.size = left
        return given

    def close(self) -> None:
        """Give everything back."""
        if self._descriptor >= 0:
            self._cut(0)
            os.close(self._descriptor)
            self._descriptor, self.size = -1, 0
            self._remove()

    def _cut(self, size: int) -> bool:
        try:
            os.ftruncate(self._descriptor, size)
            # Some file systems give blocks back only with their journal's next commit.
            os.fsync(self._descriptor)
        except OSError:
            return False
        return True

    def _remove(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _allocate(descriptor: int, start: int, size: int) -> None:
    """Take room for real: blocks that the file system sets apart, or else bytes in them."""
    if _set_apart(descriptor, start, size):
        return
    # Noise: zeros may be stored as nothing.
    for offset in range(start, start + size, _PIECE):
        piece = os.urandom(min(_PIECE, start + size - offset))
        while piece:
            written = os.pwrite(descriptor, piece, offset)
            piece, offset = piece[written:], offset + written  # noqa: PLW2901
    os.fsync(descriptor)


def _set_apart(descriptor: int, start: int, size: int) -> bool:
    """Whether the file system has set blocks apart; some can't, some only say so."""
    if not hasattr(os, "posix_fallocate"):  # macOS
        return False
    try:
        os.posix_fallocate(descriptor, start, size)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            return False
        raise
    return os.fstat(descriptor).st_blocks * _BLOCK >= start + size
