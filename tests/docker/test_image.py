"""The image and the compose file, built and run for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from waypoint import __version__

pytestmark = pytest.mark.docker

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples/knowledge_base"
IMAGE = "waypoint:test"
IMAGE_USER = 1000
MISSING_FOLDER_STATUS = 1
KILLED_STATUS = 137
RUN_TIMEOUT = 120
"""Seconds."""
BUILD_TIMEOUT = 900
"""Seconds, a first build downloads some hundred packages."""


def docker(*arguments: str) -> str:
    """Standard output of a docker command that must succeed."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=RUN_TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Project:
    """A copy of the compose file in a folder of its own, so that no one's store is touched."""

    def __init__(self, folder: Path, *, user: int) -> None:
        self.folder = folder
        self.name = f"waypoint-test-{uuid4().hex[:8]}"
        shutil.copy(ROOT / "docker-compose.yml", folder)
        shutil.copytree(EXAMPLES, folder / "knowledge_base")
        for name in ("chroma_db", "logs"):
            (folder / name).mkdir()
            if os.geteuid() == 0:
                os.chown(folder / name, user, user)
        kept = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT")
        self._environment = {name: os.environ[name] for name in kept if name in os.environ}
        self._environment |= {
            "WAYPOINT_IMAGE": IMAGE,
            "KNOWLEDGE_BASE_DIR": "./knowledge_base",
            "UID": str(user),
            "GID": str(user),
        }

    def compose(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``docker compose`` with nothing in its environment but what is given."""
        return subprocess.run(
            ["docker", "compose", "--project-name", self.name, *arguments],
            cwd=self.folder,
            env=self._environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT,
            check=False,
        )

    def down(self) -> None:
        self.compose("--profile", "server", "down", "--volumes", "--remove-orphans")


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The report that ``--json`` put on standard output."""
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="session")
def image() -> str:
    """The image, built from this tree; without a docker daemon the tests are skipped."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker command")
    info = subprocess.run(["docker", "info"], capture_output=True, check=False)
    if info.returncode != 0:
        pytest.skip("no docker daemon answers")
    environment = os.environ | {"WAYPOINT_IMAGE": IMAGE}
    built = subprocess.run(
        ["docker", "compose", "build"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return IMAGE


@pytest.fixture
def project(image: str, tmp_path: Path) -> Iterator[Project]:
    """A compose project run by the host's user, or by the image's own if that is root."""
    project = Project(tmp_path, user=os.geteuid() or IMAGE_USER)
    yield project
    project.down()


def test_image_has_no_root_no_tools_and_no_secret(image: str) -> None:
    """The image's user is not root, and there is nothing in it but the program."""
    config = json.loads(docker("image", "inspect", image))[0]["Config"]
    assert config["User"] == "1000:1000"
    assert config["WorkingDir"] == "/app"
    assert config["Entrypoint"] == ["python", "scripts/ingest.py"]
    assert "PYTHONUNBUFFERED=1" in config["Env"]
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    listing = "id -u; ls -A /app; ls /opt/venv/bin; command -v gcc || true"
    found = docker("run", "--rm", "--entrypoint", "sh", image, "-c", listing).split()
    assert found[0] == str(IMAGE_USER)
    assert found[1:6] == ["chroma_db", "examples", "logs", "scripts", "waypoint"]
    assert not {"pip", "pytest", "ruff", "mypy", "gcc"} & {Path(name).name for name in found}


def test_image_is_below_its_limit(image: str) -> None:
    """The image takes less than 800 MB."""
    assert int(docker("image", "inspect", "--format", "{{.Size}}", image)) < 800_000_000


def test_demo_ingests_and_a_rerun_costs_nothing(project: Project) -> None:
    """The demo fills a collection without a key; run again, it makes no call."""
    first = project.compose("run", "--rm", "demo", "--simulate", "--json")
    assert first.returncode == 0, first.stderr
    report = report_of(first)
    files = [path for path in EXAMPLES.rglob("*") if path.is_file()]
    assert report["documents"]["ingested"] == len(files)
    assert report["chunks"]["added"] == report["texts_paid"] > 0

    again = project.compose("run", "--rm", "demo", "--simulate", "--json")
    assert again.returncode == 0, again.stderr
    report = report_of(again)
    assert report["documents"]["unchanged"] == len(files)
    assert report["calls"]["started"] == 0

    made = [*project.folder.glob("chroma_db/*"), *project.folder.glob("logs/*")]
    assert {"waypoint.sqlite3", "waypoint.jsonl"} <= {path.name for path in made}
    assert {path.stat().st_uid for path in made} == {os.geteuid() or IMAGE_USER}


def test_missing_key_is_a_clear_error(project: Project) -> None:
    """Without a key, an ingestion exits with 2 and names both ways on."""
    done = project.compose("run", "--rm", "ingestion", "--concurrency", "8")
    assert done.returncode == 2
    assert "GOOGLE_API_KEY is not set" in done.stderr
    assert "--simulate" in done.stderr


def test_missing_folder_is_named_and_not_made(project: Project) -> None:
    """A knowledge base that is not there is an error, and stays not there."""
    missing = project.folder / "not_there"
    done = project.compose("run", "--rm", "ingestion", KNOWLEDGE_BASE_DIR=str(missing))
    assert done.returncode == MISSING_FOLDER_STATUS
    assert str(missing) in done.stderr
    assert not missing.exists()


def test_libraries_can_be_imported(project: Project) -> None:
    """Both SDKs load under another entrypoint, without a key."""
    run = ("run", "--rm", "--entrypoint", "python", "ingestion", "-c")
    for statement in ("import chromadb", "from google import genai"):
        done = project.compose(*run, f"{statement}; print('OK')")
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "OK"


def test_server_profile_keeps_its_data(project: Project) -> None:
    """Chroma comes up healthy, the worker fills it, and its data outlive its container."""
    settings = {"CHROMA_HOST": "chromadb", "CHROMA_PUBLISHED_PORT": "0"}
    run = ("--profile", "server", "run", "--rm", "ingestion", "--simulate", "--json")
    first = project.compose(*run, **settings)
    assert first.returncode == 0, first.stderr
    assert report_of(first)["chunks"]["added"] > 0
    assert not (project.folder / "chroma_db/chroma.sqlite3").exists()
    assert project.compose("--profile", "server", "down").returncode == 0

    again = project.compose(*run, **settings)
    assert again.returncode == 0, again.stderr
    report = report_of(again)
    assert report["notices"] == []
    assert report["chunks"]["added"] == report["calls"]["started"] == 0


def test_docker_stop_drains(project: Project) -> None:
    """A stopped container finishes what is in flight, says so, and exits with 130."""
    container = f"{project.name}-slow"
    run = ("run", "--detach", "--name", container, "demo")
    started = project.compose(*run, "--simulate", "--rpm", "60")
    assert started.returncode == 0, started.stderr
    try:
        _wait_for_line(container, "quota:")
        docker("stop", "--time", "60", container)
        state = json.loads(docker("inspect", "--format", "{{json .State}}", container))
        assert state["ExitCode"] == 130
    finally:
        docker("rm", "--force", container)
    rest = project.compose("run", "--rm", "demo", "--simulate", "--json")
    assert rest.returncode == 0, rest.stderr


def test_early_stop_is_not_ignored(project: Project) -> None:
    """A stop that comes before the program has its handlers ends it all the same."""
    container = f"{project.name}-early"
    started = project.compose("run", "--detach", "--name", container, "demo", "--simulate")
    assert started.returncode == 0, started.stderr
    try:
        docker("stop", "--time", "20", container)
        status = docker("inspect", "--format", "{{.State.ExitCode}}", container)
        assert int(status) != KILLED_STATUS
    finally:
        docker("rm", "--force", container)


def _wait_for_line(container: str, beginning: str) -> None:
    """Follow a container's log until a line begins so."""
    with subprocess.Popen(
        ["docker", "logs", "--follow", container],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as log:
        assert log.stdout is not None
        limit = threading.Timer(RUN_TIMEOUT, log.kill)
        limit.start()
        try:
            found = any(line.startswith(beginning) for line in log.stdout)
        finally:
            limit.cancel()
            log.kill()
    assert found, f"no line of {container} began with {beginning!r}"
