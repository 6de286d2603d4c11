"""The server profile: Chroma as a service, killed, stopped, removed, backed up and restored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt

from tests.docker.project import DOCUMENTS, ROOT, Project, inspect, report_of, stop, succeeds

pytestmark = pytest.mark.docker

SERVER = ("--profile", "server")
INGEST = (*SERVER, "run", "--rm", "ingestion", "--simulate")
INTERRUPTED = 130


@pytest.fixture
def server(project: Project) -> Project:
    """A project whose store is the service ``chromadb``."""
    project.environment["CHROMA_HOST"] = "chromadb"
    return project


def test_chroma_is_killed_in_mid_run_and_its_data_survive(server: Project) -> None:
    """The run waits for a killed Chroma; data outlive containers, and a documented restore."""
    up = succeeds(server.compose(*SERVER, "up", "--detach", "--wait", "chromadb"))
    assert "Healthy" in up.stderr
    chroma = f"{server.name}-chromadb-1"
    published = inspect(chroma, "NetworkSettings.Ports")["8000/tcp"]
    assert {port["HostIp"] for port in published} == {"127.0.0.1"}

    run = server.start(*SERVER, "run", "ingestion", "--simulate", "--rpm", "60")
    server.wait_for_event("chunks_written")
    succeeds(server.compose(*SERVER, "kill", "chromadb"))
    seen = server.wait_for_event("store_retried")
    succeeds(server.compose(*SERVER, "start", "chromadb"))
    server.wait_for_event("chunks_written", after=seen)
    assert stop(run) == INTERRUPTED

    rest = report_of(server.compose(*INGEST, "--json"))
    embedded = sum(report["texts_embedded"] for report in server.reports())
    assert rest["documents"]["found"] == DOCUMENTS
    assert not (server.folder / "chroma_db" / "chroma.sqlite3").exists()
    verify = ("--profile", "verify", "run", "--rm", "verify")
    verdict = report_of(server.compose(*SERVER, *verify, "--simulate", "--json"))
    assert verdict["passed"] is True

    succeeds(server.compose(*SERVER, "down"))
    assert _nothing_to_do(server)

    for heading in ("The server's volume", "The folder"):
        for block in _documented(heading):
            succeeds(server.run("bash", "-euc", block))
    assert _nothing_to_do(server)
    assert sum(report["texts_embedded"] for report in server.reports()) == embedded


def _nothing_to_do(project: Project) -> bool:
    """Whether a run finds all in its place; it brings the server up if that is down."""
    report = report_of(project.compose(*INGEST, "--json"))
    left = (report["notices"], report["calls"]["started"], report["chunks"]["added"])
    return report["documents"]["unchanged"] == DOCUMENTS and left == ([], 0, 0)


def _documented(heading: str) -> Iterator[str]:
    """The shell commands below that heading of docs/docker.md."""
    below = False
    tokens = MarkdownIt().parse((ROOT / "docs" / "docker.md").read_text(encoding="utf-8"))
    found = 0
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and after is not None:
            below = after.content == heading
        if below and token.type == "fence" and token.info == "sh":
            found += 1
            yield token.content
    assert found, f"docs/docker.md has no commands under {heading!r}"
