"""What is said of a file that could not be written: a name that a person knows."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from waypoint.errors import StoreWriteError
from waypoint.files import told, written_whole
from waypoint.storage.access import access_failure
from waypoint.storage.lock import LOCK_NAME, StoreLock


@pytest.fixture
def immutable(tmp_path: Path) -> Iterator[Path]:
    """A folder that not even root may write in."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / LOCK_NAME).touch()
    if subprocess.run(["chattr", "-R", "+i", folder], capture_output=True, check=False).returncode:
        pytest.skip("needs root, and a file system with immutable files")
    yield folder
    subprocess.run(["chattr", "-R", "-i", folder], check=True)


def test_a_file_that_cannot_be_made_is_told_by_its_own_name(immutable: Path) -> None:
    """Not by that of the temporary which is to take its place."""
    with pytest.raises(OSError) as caught, written_whole(immutable / "report.json"):
        raise AssertionError("it could be made")
    assert told(caught.value) == f"{immutable}/report.json: Operation not permitted"


def test_a_place_that_cannot_be_taken_is_told(tmp_path: Path) -> None:
    """A folder lies there; what was written is not left behind."""
    (tmp_path / "report.json" / "x").mkdir(parents=True)
    with pytest.raises(OSError) as caught, written_whole(tmp_path / "report.json") as file:
        file.write(b"x")
    assert told(caught.value) == f"{tmp_path}/report.json: Is a directory"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_what_is_immutable_is_said_to_be_so(immutable: Path) -> None:
    """Rather than that it belongs to another, or that the disk is full."""
    with pytest.raises(StoreWriteError, match="immutable") as caught, StoreLock(immutable):
        raise AssertionError("it could be locked")
    assert f"chattr -i {immutable}" in caught.value.hint


def test_a_link_to_nothing_is_said_to_be_one(tmp_path: Path) -> None:
    """What can be used is no failure."""
    link = tmp_path / "chroma.sqlite3"
    link.symlink_to("nowhere")
    failure = access_failure(link)
    assert failure is not None
    assert failure.message == f"{link} is a symbolic link to nothing"
    (tmp_path / "nowhere").touch()
    assert access_failure(link) is None
