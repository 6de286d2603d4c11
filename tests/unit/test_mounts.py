"""What is said in a container of folders that the host should have lent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from waypoint.cli.mounts import check_mounts
from waypoint.errors import StoreWriteError, UsageError
from waypoint.settings import Settings, load_settings

NOBODY = 65534


@pytest.fixture
def folders() -> Iterator[Path]:
    """Store and logs of a user who isn't root: root is refused nothing."""
    user = os.geteuid()
    with TemporaryDirectory() as made:
        folder = Path(made)
        for path in (folder, folder / "chroma_db", folder / "logs"):
            path.mkdir(exist_ok=True)
            if user == 0:
                os.chown(path, NOBODY, NOBODY)
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            for path in (folder / "chroma_db", folder / "logs"):
                path.chmod(0o755)
            os.seteuid(user)


def settings_of(folder: Path, *, in_container: bool = True) -> Settings:
    return load_settings(
        chroma_persist_path=folder / "chroma_db",
        log_dir=folder / "logs",
        in_container=in_container,
    )


def test_all_is_well(folders: Path) -> None:
    """Nothing is said where everything is there and can be written."""
    check_mounts(settings_of(folders), folders / "logs")


def test_outside_of_a_container_nothing_is_looked_at(folders: Path) -> None:
    """There, paths are what they are called, and other errors say what to do."""
    (folders / "logs").chmod(0o555)
    check_mounts(settings_of(folders, in_container=False), folders / "missing")


def test_missing_knowledge_base_names_the_setting_and_the_demo(folders: Path) -> None:
    """A folder that wasn't mounted is told by the name that it has for Docker Compose."""
    with pytest.raises(UsageError, match="knowledge base") as caught:
        check_mounts(settings_of(folders), folders / "missing", writes=False)
    assert "KNOWLEDGE_BASE_DIR" in caught.value.hint
    assert "docker compose run --rm demo" in caught.value.hint


@pytest.mark.parametrize("refused", ["logs", "chroma_db/waypoint.sqlite3"])
def test_what_cannot_be_written_is_told_with_the_command(refused: str, folders: Path) -> None:
    """A folder, or a file of ours in it: the command names this user and the host's folder."""
    path = folders / refused
    if path.is_dir():
        path.chmod(0o555)
    else:
        path.touch(0o444)
    with pytest.raises(StoreWriteError) as caught:
        check_mounts(settings_of(folders))
    folder = refused.partition("/")[0]
    assert f"chown -R {os.geteuid()}:{os.getegid()} {folder} (" in caught.value.hint
    check_mounts(settings_of(folders), writes=False)
