"""One build for all tests, from a clone with secrets lying about in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.project import IMAGE, ROOT, Project

BUILD_TIMEOUT = 900
"""Seconds; a first build downloads some eighty packages."""

SECRET = "AIzaSyPlantedForTheBuildToFind"
PLANTED = (
    ".env",
    ".env.production",
    "scripts/.env",
    "waypoint/.env.local",
    ".git/config",
    ".venv/bin/python",
    "chroma_db/chroma.sqlite3",
    "chroma_db.bak/waypoint.sqlite3",
    "logs/waypoint.jsonl",
    "notes.md",
    "waypoint/notes.md",
    "scripts/__pycache__/ingest.cpython-311.pyc",
)
"""Files that must never be in an image."""


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, or about to be, with the planted files in it.

    Without a docker daemon, tests that need this are skipped.
    """
    if shutil.which("docker") is None:
        pytest.skip("there is no docker command")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no docker daemon answers")
    folder = tmp_path_factory.mktemp("clone")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    for name in names.decode().rstrip("\0").split("\0"):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in PLANTED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"GOOGLE_API_KEY={SECRET}\n")
    return folder


@pytest.fixture(scope="session")
def image(clone: Path) -> str:
    """The image, built by ``docker compose build`` in the clone."""
    built = subprocess.run(
        ["docker", "compose", "build"],
        cwd=clone,
        env=os.environ | {"WAYPOINT_IMAGE": IMAGE, "GOOGLE_API_KEY": SECRET},
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return IMAGE


@pytest.fixture
def project(image: str, tmp_path: Path) -> Iterator[Project]:
    """A compose project of its own."""
    project = Project(tmp_path / "project")
    yield project
    project.down()
