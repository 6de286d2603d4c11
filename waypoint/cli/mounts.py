"""In a container, what is wrong with the folders that the host is to lend.

There the paths of other errors lead nowhere: what helps is to be done on the host, to folders
that have other names there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from waypoint.errors import StoreWriteError, UsageError
from waypoint.settings import Settings
from waypoint.sources.kinds import scheme_of

_OURS = ("waypoint.*", "chroma.*", "rejects.jsonl")
"""Files in the two folders that a run writes again."""


def check_mounts(
    settings: Settings, knowledge_base: Path | None = None, *, writes: bool = True
) -> None:
    """Look at the mounts before anything is opened; outside of a container, do nothing.

    Args:
        knowledge_base: the folder that has to be there, if there has to be one.
        writes: whether the store's folder and the logs' are to be written.

    Raises:
        UsageError: there is no knowledge base.
        StoreWriteError: this user can't write where it has to; the hint has the command.
    """
    if not settings.in_container:
        return
    if knowledge_base and not scheme_of(knowledge_base) and not knowledge_base.is_dir():
        raise UsageError(
            f"the knowledge base {str(knowledge_base)!r} is not a folder in this container",
            hint="set KNOWLEDGE_BASE_DIR to a folder on the host, which Docker Compose mounts "
            "there, or try everything out with `docker compose run --rm demo`",
        )
    if not writes:
        return
    folders = (settings.chroma_persist_path, settings.log_dir)
    refused = [folder for folder in folders if any(_refused(folder))]
    if refused:
        user, group = os.geteuid(), os.getegid()
        # Compose mounts folders of the same names, beside its own file.
        names = " ".join(folder.name for folder in refused)
        raise StoreWriteError(
            f"user {user} of this container cannot write in "
            f"{' and '.join(str(folder) for folder in refused)}",
            hint=f"on the host: sudo chown -R {user}:{group} {names} (or, to run as the user who "
            "owns them, set UID and GID in .env)",
        )


def _refused(folder: Path) -> Iterator[Path]:
    """The folder itself, and files of ours in it, if this user can't write them."""
    if not folder.exists():
        # Then it is no mount: making it fails by itself, or doesn't.
        return
    if not _may(folder, os.W_OK | os.X_OK):
        yield folder
    for pattern in _OURS:
        yield from (path for path in folder.glob(pattern) if not _may(path, os.W_OK))


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=True)
