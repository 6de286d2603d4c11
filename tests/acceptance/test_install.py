"""The wheel: what is in it, and that it runs from a folder in which nothing is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.command import PROJECT, RUN_TIMEOUT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "waypoint", "pyproject.toml", "README.md", "LICENSE", "requirements*"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    # A copy: a build leaves its folders beside the sources.
    for name in tracked.stdout.split():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((PROJECT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    built = subprocess.run(
        [*pip, "--no-deps", "--wheel-dir", str(folder), str(source)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_has_the_package_alone(wheel: Path) -> None:
    """With the files that it reads at run time, and a name that is nobody else's."""
    assert wheel.name.startswith("waypoint_ingest-")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(n for n in names if n.endswith("/METADATA"))).decode()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"waypoint"}
    package = PROJECT / "waypoint"
    kept = {
        path.relative_to(PROJECT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert kept - names == set()
    for extra in ("ocr", "plots"):
        assert f"Provides-Extra: {extra}" in metadata
    # Ranges, so that it can be installed beside other libraries; three are bound to one version.
    required = re.findall(r"^Requires-Dist: ([^;\n]+)", metadata, re.MULTILINE)
    exact = {name for name, equals, _ in (each.partition("==") for each in required) if equals}
    assert exact == {"chromadb", "google-genai", "httpx2"}


def test_the_wheel_runs_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    """Ingestion and verification, with nothing of the project in sight."""
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--no-deps", "--no-compile", "--target", str(target), str(wheel)],
        capture_output=True,
        timeout=300,
        check=True,
    )
    empty = tmp_path / "empty"
    (empty / "docs").mkdir(parents=True)
    (empty / "docs" / "a.md").write_text("# A page\n\nOf few words.\n")
    for command in (
        ["--version"],
        ["ingest", "docs", "--simulate"],
        ["verify", "--simulate", "--html", "verdict.html"],
    ):
        done = subprocess.run(
            [sys.executable, str(target / "bin" / "waypoint"), *command],
            cwd=empty,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(target), "HOME": str(empty)},
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
    assert (empty / "verdict.html").stat().st_size > 1000
