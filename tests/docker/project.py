"""The compose file in a folder of its own, and what Docker says of images and containers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "knowledge_base"
DOCUMENTS = sum(1 for path in EXAMPLES.rglob("*") if path.is_file())

IMAGE = "waypoint:test"
IMAGE_USER = 1000
OTHER_USER = 4321
"""Neither root nor the image's own, with no entry in its /etc/passwd."""

RUN_TIMEOUT = 180.0
"""Seconds; a command takes a few, but the machine may be busy."""

_INHERITED = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT")

Done = subprocess.CompletedProcess[str]


def docker(*arguments: str) -> str:
    """Standard output of a docker command that must succeed."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=RUN_TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def inspect(name: str, field: str = "") -> Any:
    """What ``docker inspect`` knows of an image or a container, or one of its fields."""
    shown: Any = json.loads(docker("inspect", name))[0]
    for part in field.split(".") if field else ():
        shown = shown[part]
    return shown


class Project:
    """A copy of the compose file and the sample, so that no one's store is touched.

    ``user`` runs the containers and owns the folders; without root that is always oneself.
    """

    def __init__(self, folder: Path, *, user: int = IMAGE_USER) -> None:
        self.folder = folder
        self.name = f"waypoint-test-{uuid4().hex[:8]}"
        self.user = user if os.geteuid() == 0 else os.geteuid()
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / "docker-compose.yml", folder)
        shutil.copytree(ROOT / "examples", folder / "examples")
        for name in ("chroma_db", "logs"):
            (folder / name).mkdir()
            if os.geteuid() == 0:
                os.chown(folder / name, self.user, self.user)
        self.environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self.environment |= {
            "COMPOSE_PROJECT_NAME": self.name,
            "WAYPOINT_IMAGE": IMAGE,
            "KNOWLEDGE_BASE_DIR": "./examples/knowledge_base",
            "UID": str(self.user),
            "GID": str(self.user),
            "CHROMA_PUBLISHED_PORT": "0",
            "METRICS_PUBLISHED_PORT": "0",
        }

    def compose(self, *arguments: str, **environment: str) -> Done:
        """Run ``docker compose`` with nothing in its environment but what is given."""
        return self.run("docker", "compose", *arguments, **environment)

    def run(self, *command: str, **environment: str) -> Done:
        """Run any command in the project's folder; an empty variable is not set."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.variables(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT,
            check=False,
        )

    def variables(self, **environment: str) -> dict[str, str]:
        together = self.environment | environment
        return {name: value for name, value in together.items() if value}

    def start(self, *arguments: str, **environment: str) -> str:
        """``docker compose <arguments>`` with a detached run; returns the container's name."""
        container = f"{self.name}-{uuid4().hex[:6]}"
        at = arguments.index("run") + 1
        named = (*arguments[:at], "--detach", "--name", container, *arguments[at:])
        started = self.compose(*named, **environment)
        assert started.returncode == 0, started.stderr
        return container

    def wait_for_event(self, name: str, *, after: int = 0) -> int:
        """Wait until the log has such an event beyond that many lines; how many it has now."""
        log = self.folder / "logs" / "waypoint.jsonl"
        sought = f'"event":"{name}"'.encode()

        def lines() -> list[bytes]:
            return log.read_bytes().splitlines() if log.exists() else []

        wait_until(lambda: any(sought in line for line in lines()[after:]), timeout=RUN_TIMEOUT)
        return len(lines())

    def reports(self) -> list[dict[str, Any]]:
        """Of all ingestions so far, the oldest first."""
        paths = sorted((self.folder / "logs").glob("run-*.json"))
        return [orjson.loads(path.read_bytes()) for path in paths]

    def owners(self, *names: str) -> set[int]:
        """Of all that lies in these folders."""
        return {path.stat().st_uid for name in names for path in (self.folder / name).rglob("*")}

    def down(self) -> None:
        done = self.compose("--profile", "*", "down", "--volumes", "--remove-orphans")
        assert done.returncode == 0, done.stderr


def succeeds(done: Done) -> Done:
    """The same, if its exit code is 0."""
    assert done.returncode == 0, f"{done.args}: exit code {done.returncode}\n{done.stderr}"
    return done


def report_of(done: Done) -> dict[str, Any]:
    """The report that ``--json`` put on standard output, of a command that ended well."""
    report: dict[str, Any] = orjson.loads(succeeds(done).stdout)
    return report


def stop(container: str, *, seconds: int = 60) -> int:
    """``docker stop``; returns the container's exit code and removes it."""
    try:
        docker("stop", "--time", str(seconds), container)
        return int(inspect(container, "State.ExitCode"))
    finally:
        docker("rm", "--force", container)


def texts_embedded(reports: Sequence[dict[str, Any]]) -> int:
    return sum(report["texts_embedded"] for report in reports)
