"""The compose file as written: every service, every setting, and the commands for each."""

from __future__ import annotations

import json
import os
import shlex

import pytest

from tests.docker.project import (
    DOCUMENTS,
    IMAGE_USER,
    Project,
    report_of,
    succeeds,
)
from waypoint.settings import Settings

pytestmark = pytest.mark.docker

RUN = ("run", "--rm", "ingestion")
NOT_PASSED_ON = {"IN_CONTAINER"}
"""Settings that are the image's own."""


def test_every_service_is_hardened(project: Project) -> None:
    """No root, no capability, a root that can't be written, ports on loopback; limits as set."""
    limits = {"WORKER_MEMORY": "2g", "WORKER_CPUS": "1.5", "CHROMA_MEMORY": "1g"}
    done = succeeds(project.compose("--profile", "*", "config", "--format", "json", **limits))
    assert done.stderr == ""
    services = json.loads(done.stdout)["services"]
    workers = {"ingestion", "demo", "simulator", "verify", "benchmark"}
    assert services.keys() == workers | {"chromadb"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert {port["host_ip"] for port in service.get("ports", [])} <= {"127.0.0.1"}
        assert service["mem_limit"] == str(2**30 * (2 if name in workers else 1))
    for name in workers:
        assert services[name]["user"] == f"{project.user}:{project.user}"
        assert services[name]["cpus"] == 1.5
    assert set(services["chromadb"]["networks"]) == {"store"}


def test_every_setting_reaches_the_worker(project: Project) -> None:
    """What .env sets is passed on to the container, whatever the setting."""
    names = {name.upper() for name in Settings.model_fields} - NOT_PASSED_ON
    done = succeeds(project.compose("config", "--format", "json"))
    environment = json.loads(done.stdout)["services"]["ingestion"]["environment"]
    assert names <= environment.keys()
    assert environment["EMBEDDING_MODEL"] == "gemini-embedding-001"
    assert environment["EMBEDDING_DIMENSIONS"] == "768"
    assert environment["KNOWLEDGE_BASE_PATH"] == "/app/knowledge_base"
    assert environment["CHROMA_PERSIST_PATH"] == "/app/chroma_db"
    assert environment["LOG_DIR"] == "/app/logs"


def test_libraries_can_be_imported(project: Project) -> None:
    """Both SDKs load under another entrypoint, without a key."""
    run = ("run", "--rm", "--entrypoint", "python", "ingestion", "-c")
    for statement, word in (
        ("import chromadb", "chromadb OK"),
        ("from google import genai", "genai OK"),
    ):
        done = project.compose(*run, f"{statement}; print('{word}')")
        assert succeeds(done).stdout.strip() == word


def test_missing_key_and_missing_folder(project: Project) -> None:
    """Both are clear errors, the key only for what needs it; Docker makes no folder."""
    done = project.compose("run", "ingestion", "--concurrency", "8")
    assert done.returncode == 2
    assert "GOOGLE_API_KEY is not set" in done.stderr
    assert "--simulate" in done.stderr

    plan = report_of(project.compose(*RUN, "--dry-run", "--json"))
    assert plan["documents"] == DOCUMENTS

    done = project.compose(*RUN, KNOWLEDGE_BASE_DIR="")
    default = project.folder.parent / "01_knowledge_base"
    assert done.returncode == 1
    assert f"bind source path does not exist: {default}" in done.stderr
    assert not default.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a folder from its user")
def test_unwritable_mounts_are_fixed_by_the_command_that_is_named(project: Project) -> None:
    """One error names both folders and the command; once that was run, only the key is missing."""
    for name in ("chroma_db", "logs"):
        os.chown(project.folder / name, 0, 0)
    done = project.compose(*RUN)
    assert done.returncode == 3
    error, way_out = done.stderr.splitlines()[-2:]
    assert error == (
        "error: user 1000 of this container cannot write in /app/chroma_db and /app/logs"
    )
    command = way_out.removeprefix("hint: on the host: sudo ").partition(" (")[0]
    assert command == f"chown -R {IMAGE_USER}:{IMAGE_USER} chroma_db logs"
    succeeds(project.run(*shlex.split(command)))
    done = project.compose(*RUN)
    assert done.returncode == 2
    assert "GOOGLE_API_KEY" in done.stderr


def test_benchmark(project: Project) -> None:
    """The benchmark runs without a key, and its results are left on the host."""
    cell = ("--chunks", "100", "--concurrency", "2", "--rounds", "1", "--no-ceiling")
    succeeds(project.compose("--profile", "benchmark", "run", "--rm", "benchmark", *cell))
    results = project.folder / "logs" / "benchmark"
    assert {path.name for path in results.iterdir()} == {"benchmark.json", "benchmark.html"}
    assert project.owners("logs") == {project.user}
    # What was ingested meanwhile is gone.
    assert {path.name for path in results.parent.iterdir()} == {"benchmark"}
