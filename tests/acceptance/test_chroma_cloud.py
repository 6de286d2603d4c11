"""Chroma Cloud: its key is all it takes, and its quotas are kept before they are met."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from tests.support.background_simulator import background_simulator
from tests.support.chroma_cloud import COLLECTIONS, DATABASE, KEY, ChromaCloud, chroma_cloud
from tests.support.chroma_servers import chroma_command
from tests.support.collection import assert_holds, chunks_of, read_from
from tests.support.command import VERIFY, Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until
from waypoint.errors import ConfigurationError, StoreUnavailableError, WaypointError
from waypoint.observe.events import EventBus
from waypoint.settings import load_settings
from waypoint.storage.chroma.store import open_chroma


@contextmanager
def cloud_and_server(folder: Path) -> Iterator[tuple[ChromaCloud, str]]:
    """The Cloud, and the address of the server behind it."""
    with (
        chroma_command(folder / "chroma") as port,
        chroma_cloud(port, folder / "cloud") as cloud,
    ):
        yield cloud, f"http://127.0.0.1:{port}"


def test_the_main_path(tmp_path: Path) -> None:
    """More records than a write takes, a path longer than a value may be, patterns, 429s, a chunk
    that does not fit; then nothing to do, and a verification that finds nothing wrong."""
    workspace = Workspace(tmp_path / "work" / ("a folder with a long name " * 8) / "x")
    write_corpus(workspace.knowledge_base, documents=7, sections=50)
    fits = chunks_of(workspace.knowledge_base)
    notes = "---\nnote: " + "ü" * 2100 + "\n---\nThis does not fit.\n"
    (workspace.knowledge_base / "notes.md").write_text(notes)
    patterns = [f"--exclude=left-out-{number:03}-*.tmp" for number in range(30)]
    with cloud_and_server(tmp_path) as (cloud, server), background_simulator() as simulator:
        cloud.overloaded = 2
        workspace.use(simulator.environment | cloud.environment)
        report = workspace.report_of(*patterns, code=1)
        assert report["texts_embedded"] == len(fits) == 350
        (reject,) = report["rejects"]
        assert reject["source"] == "notes.md"
        assert "its note has 4,200 bytes, and Chroma Cloud takes 4,096" in reject["reason"]
        collection = anyio.run(lambda: read_from(server, collections=COLLECTIONS))
        assert_holds(collection, fits)

        again = workspace.report_of(code=1)
        assert (again["texts_embedded"], again["calls"]["started"]) == (0, 0)
        verified = workspace.run(entry=VERIFY)
        status = workspace.run(entry=("-m", "waypoint", "status"))
    assert verified.code == 0, verified.stdout
    assert f"Chroma Cloud; ledger in {workspace.store.name}" in status.stdout
    assert cloud.refusals == []
    assert cloud.most_writes_at_once == 1
    assert max(cloud.writes) <= 300
    assert KEY not in report["message"] + verified.stderr + status.stdout


def test_a_kill_in_the_middle_of_a_write(tmp_path: Path) -> None:
    """The next run makes the collection whole; no text is sent twice but those in flight."""
    workspace = Workspace(tmp_path / "work")
    write_corpus(workspace.knowledge_base, documents=12, sections=20)
    options = ("--concurrency", "2", "--batch-size", "10")
    with (
        cloud_and_server(tmp_path) as (cloud, server),
        background_simulator(latency_ms=30) as simulator,
    ):
        workspace.use(simulator.environment | cloud.environment)
        cloud.latency = 0.1
        with workspace.start(*options) as run:
            wait_until(lambda: len(cloud.writes) >= 2)
            run.signal(signal.SIGKILL)
            run.wait()
        cloud.latency = 0.0
        assert workspace.run(*options).code == 0
        collection = anyio.run(lambda: read_from(server, collections=COLLECTIONS))
        assert_holds(collection, chunks_of(workspace.knowledge_base))
        twice = sum(count - 1 for count in simulator.answers().values())
    assert twice <= 2 * 10


async def failure(cloud: ChromaCloud, **settings: str) -> WaypointError:
    """How a connection fails."""
    given = {name.lower(): value for name, value in cloud.environment.items()}
    del given["https_proxy"]
    address = load_settings(**{**given, **settings}).store.server
    assert address is not None
    with pytest.raises(WaypointError) as caught:
        async with open_chroma(address, EventBus()):
            pass
    return caught.value


async def test_tenant_and_database_are_the_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it is for several; and another key is refused."""
    with cloud_and_server(tmp_path) as (cloud, _):
        monkeypatch.setenv("HTTPS_PROXY", cloud.environment["HTTPS_PROXY"])
        refused = await failure(cloud, chroma_api_key="ck-another-key")
        assert isinstance(refused, StoreUnavailableError)
        assert "Unauthorized" in refused.message
        missing = await failure(cloud, chroma_database="staging")
        assert "no database 'staging'" in missing.message
        cloud.databases = [DATABASE, "staging"]
        several = await failure(cloud)
        assert isinstance(several, ConfigurationError)
        assert f"({DATABASE}, staging)" in several.message
        assert "CHROMA_DATABASE" in several.hint
