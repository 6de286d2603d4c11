"""Why this user may not read and write a file of a store, and what to do about it."""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
import struct
from pathlib import Path

from waypoint.errors import StoreWriteError

_GET_FLAGS, _IMMUTABLE = 0x80086601, 0x10
"""FS_IOC_GETFLAGS and FS_IMMUTABLE_FL of <linux/fs.h>."""


def access_failure(path: Path) -> StoreWriteError | None:
    """The error for a file or folder that this user may not use; None if it may.

    Raises OSError if it cannot be looked at.
    """
    if not path.exists() and path.is_symlink():
        return StoreWriteError(
            f"{path} is a symbolic link to nothing",
            hint="put back what it leads to, or remove it, then run the same command again; "
            "nothing was moved or dropped",
        )
    status = path.stat()
    needed = os.R_OK | os.W_OK | (os.X_OK if stat.S_ISDIR(status.st_mode) else 0)
    if os.access(path, needed, effective_ids=True):
        return None
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return StoreWriteError(
            f"{path} is on a read-only file system",
            hint="mount it writable, or set CHROMA_PERSIST_PATH to a folder that is",
        )
    if _is_immutable(path):
        return StoreWriteError(
            f"{path} is immutable: not even root may write it",
            hint=f"run sudo chattr -i {path}, then the same command again; nothing was moved or "
            "dropped",
        )
    return StoreWriteError(
        f"this user cannot read and write {path}, which belongs to {_user_name(status.st_uid)}",
        hint=to_own(path),
    )


def _is_immutable(path: Path) -> bool:
    """Whether it has the attribute of ``chattr +i``, as far as this user can see."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        flags = fcntl.ioctl(descriptor, _GET_FLAGS, bytes(struct.calcsize("l")))
    except OSError:
        # The file system knows no attributes.
        return False
    finally:
        os.close(descriptor)
    return bool(struct.unpack("l", flags)[0] & _IMMUTABLE)


def to_own(path: Path) -> str:
    """The hint for what this user should own."""
    return (
        f"let this user read and write it (sudo chown -R {os.geteuid()} {path}, or chmod), then "
        "run the same command again; nothing was moved or dropped"
    )


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
