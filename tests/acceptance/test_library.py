"""Waypoint in another program, which stays as it is."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvloop

import waypoint
from tests.support.background_simulator import BackgroundSimulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import PROJECT
from tests.support.corpus import write_corpus
from tests.support.fixtures import simulator_fixture
from tests.support.waiting import wait_until
from waypoint.errors import ConfigurationError, StoreLockedError, UsageError

simulator = simulator_fixture("module", latency_ms=50)


@pytest.fixture
def host(
    tmp_path: Path, simulator: BackgroundSimulator, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """A program in a folder of its own; returns the settings it gives."""
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    # Of the host, and none of ours.
    (tmp_path / ".env").write_text("CHUNK_SIZE=many\n")
    write_corpus(tmp_path / "docs", documents=4, sections=5)
    simulator.reset()
    return {
        "chroma_persist_path": tmp_path / "store",
        "log_dir": tmp_path / "logs",
        "batch_size": 5,
        "concurrency": 2,
    }


def state_of_process() -> tuple[object, ...]:
    mask = os.umask(0o022)
    os.umask(mask)
    return (
        dict(os.environ),
        Path.cwd(),
        mask,
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        [logging.root.level, *logging.root.handlers],
        (gc.get_threshold(), gc.get_freeze_count()),
        sys.excepthook,
    )


def in_thread(
    run: Callable[[Coroutine[Any, Any, None]], None], work: Coroutine[Any, Any, None]
) -> None:
    """Run it on a loop of its own, and raise what it raised."""
    raised: list[BaseException] = []

    def call() -> None:
        try:
            run(work)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_host_stays_as_it_is(
    run: Callable[[Coroutine[Any, Any, None]], None], host: dict[str, Any], tmp_path: Path
) -> None:
    """In a thread of it, where no signal can be had."""

    async def work() -> None:
        seen: list[str] = []
        report = await waypoint.ingest(
            "docs", on_event=lambda event: seen.append(type(event).__name__), **host
        )
        assert report.ok
        assert report.documents["ingested"] == 4
        assert report.cost_usd == 0 or report.provider == "simulator"
        assert (seen[0], seen[-1]) == ("RunStarted", "RunEnded")
        # By name again: rooms of the package have names like these.
        again = await waypoint.ingest("docs", **host)
        assert again.documents["unchanged"] == 4
        plan = await waypoint.plan("docs", simulate=True, **host)
        assert (plan.documents, plan.texts_to_embed) == (4, 0)
        verdict = await waypoint.verify(**host, checks=["integrity"], simulate=True)
        assert verdict.passed, verdict.failing()
        found = await waypoint.search("anything", top=2, simulate=True, **host)
        assert len(found.hits) == 2

    # Another test may have run a command in this process, which is then its own.
    gc.unfreeze()
    before = state_of_process()
    in_thread(run, work())
    assert state_of_process() == before
    held = read_embedded(tmp_path / "store", tmp_path / "logs")
    assert_holds(held, chunks_of(tmp_path / "docs"))


async def test_runs_beside_each_other(host: dict[str, Any], tmp_path: Path) -> None:
    """On stores of their own; a second one on the same is refused."""
    other = host | {"chroma_persist_path": tmp_path / "other"}
    first, second, third = await asyncio.gather(
        waypoint.ingest("docs", **host),
        waypoint.ingest("docs", **other),
        waypoint.ingest("docs", **host),
        return_exceptions=True,
    )
    ended = [first, third]
    assert isinstance(second, waypoint.RunReport)
    assert second.ok
    assert sorted(isinstance(each, StoreLockedError) for each in ended) == [False, True]
    assert [each.ok for each in ended if isinstance(each, waypoint.RunReport)] == [True]


async def test_a_cancellation_drains(
    host: dict[str, Any], simulator: BackgroundSimulator, tmp_path: Path
) -> None:
    """What was answered is kept, and the same call later goes on."""
    task = asyncio.create_task(waypoint.ingest("docs", **host))
    await asyncio.to_thread(wait_until, lambda: simulator.stats().texts_answered >= 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert simulator.stats().texts_answered < 20
    assert (await waypoint.ingest("docs", **host)).ok
    assert set(simulator.answers().values()) == {1}
    held = await asyncio.to_thread(read_embedded, tmp_path / "store", tmp_path / "logs")
    assert_holds(held, chunks_of(tmp_path / "docs"))


async def test_a_timeout_of_the_host_drains(host: dict[str, Any]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await waypoint.ingest("docs", **host)
    assert (await waypoint.ingest("docs", **host)).ok


@pytest.mark.parametrize(
    ("paths", "settings", "error", "told"),
    [
        (["docs"], {"chunk_sise": 5}, ConfigurationError, "did you mean chunk_size"),
        (["docs"], {"chunk_size": 5}, ConfigurationError, "chunk_size=5: must be 50 to"),
        (["docs"], {"google_api_key": "secret key"}, ConfigurationError, "google_api_key"),
        (["nowhere"], {}, UsageError, "'nowhere'"),
        (["docs/doc_0.md", "docs"], {}, UsageError, "folders are given beside it"),
    ],
)
async def test_mistakes_are_waypoints_own_errors(
    paths: list[str],
    settings: dict[str, Any],
    error: type[waypoint.WaypointError],
    told: str,
    host: dict[str, Any],
    tmp_path: Path,
) -> None:
    (tmp_path / "docs" / "doc_0.md").touch()
    with pytest.raises(error, match=told) as raised:
        await waypoint.ingest(*paths, **host | settings)
    assert raised.value.hint
    assert "secret" not in str(raised.value)


async def test_the_example_of_a_web_application(
    host: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """examples/fastapi_app.py: started, looked at, searched, and stopped with its host."""
    monkeypatch.setenv("SIMULATE", "true")
    monkeypatch.setenv("KNOWLEDGE_BASE_PATH", "docs")
    monkeypatch.syspath_prepend(PROJECT / "examples")
    example = importlib.import_module("fastapi_app")
    transport = httpx2.ASGITransport(app=example.app)
    async with (
        example.lifespan(example.app),
        httpx2.AsyncClient(transport=transport, base_url="http://host") as client,
    ):
        assert (await client.get("/ingestions/latest")).status_code == 404
        assert (await client.post("/ingestions")).status_code == 202
        assert (await client.post("/ingestions")).status_code == 409
        assert (await client.get("/ingestions/latest")).json()["running"]
        await asyncio.wait([example.latest.task])
        ended = (await client.get("/ingestions/latest")).json()
        assert (ended["running"], ended["documents"], ended["result"]["ok"]) == (False, 4, True)
        assert (await client.get("/search", params={"question": "what?"})).json()
        # Of the next one the end of the application is the end.
        assert (await client.post("/ingestions")).status_code == 202
    assert example.latest.task.done()
