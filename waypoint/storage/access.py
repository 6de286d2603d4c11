"""Why this user may not read and write a file of a store, and what to do about it."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from waypoint.errors import StoreWriteError


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
            f"{path} is on a file system that is read-only",
            hint="mount it writable, or set CHROMA_PERSIST_PATH to a folder that is",
        )
    if os.geteuid() == 0 or (os.geteuid() == status.st_uid and status.st_mode & 0o600 == 0o600):
        return StoreWriteError(
            f"not even {_user_name(os.geteuid())} may write {path}: it may be immutable",
            hint=f"if lsattr -d {path} shows an i, run sudo chattr -i {path}, then the same "
            "command again; nothing was moved or dropped",
        )
    return StoreWriteError(
        f"this user cannot read and write {path}, which belongs to {_user_name(status.st_uid)}",
        hint=to_own(path),
    )


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
