"""EMBEDDING_PROVIDER=vertex, by the command: a service account, tokens that end, kills."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.quota_bench import CountingService, drive
from tests.support.vertex import PROJECT, service_account
from tests.support.waiting import wait_until
from waypoint.embedding.providers.vertex_models import VERTEX_QUOTA
from waypoint.simulator import SimulatorSettings, server

CONCURRENCY, BATCH = 2, 10
OPTIONS = ("--concurrency", str(CONCURRENCY), "--batch-size", str(BATCH))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[BackgroundSimulator]:
    """A server that speaks Vertex AI's API and does not say that it is the simulator; its tokens
    end much sooner than they say."""
    monkeypatch.setattr(server._Handlers, "stats", server._Handlers.token)
    with background_simulator(token_s=1.0, latency_ms=100) as running:
        yield running


def environment(service: BackgroundSimulator, folder: Path) -> dict[str, str]:
    """What makes a command call it."""
    return {
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_VERTEX_BASE_URL": service.base_url,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_APPLICATION_CREDENTIALS": str(
            service_account(folder / "account.json", service.base_url)
        ),
    }


def test_a_run_that_is_killed_and_whose_tokens_end(
    tmp_path: Path, service: BackgroundSimulator
) -> None:
    """The next one makes it whole; nothing is sent twice but what was in flight, what it costs is
    what the service counted, and a search asks in the same way."""
    workspace = Workspace(tmp_path / "work")
    write_corpus(workspace.knowledge_base, documents=10, sections=20)
    workspace.use(environment(service, tmp_path))
    with workspace.start(*OPTIONS) as run:
        wait_until(lambda: service.stats().texts_answered >= 4 * BATCH)
        run.signal(signal.SIGKILL)
        run.wait()
    before = service.stats()
    report = workspace.report_of(*OPTIONS)
    after = service.stats()
    assert (report["provider"], report["collection"]) == ("vertex", "waypoint_kb_vertex")
    assert report["tokens_embedded"] == after.tokens_answered - before.tokens_answered
    stored = read_embedded(workspace.store, workspace.logs, "waypoint_kb_vertex")
    assert_holds(stored, chunks_of(workspace.knowledge_base))
    twice = sum(count - 1 for count in service.answers().values())
    assert twice <= CONCURRENCY * BATCH
    found = workspace.run("annual fee", "--json", entry=("-m", "waypoint", "search"))
    assert found.code == 0, found.stderr
    assert len(found.report["hits"]) == 5


def test_the_default_quota_is_used_whole() -> None:
    """At least 98 % of 5,000,000 tokens a minute, without a 429."""
    limit = VERTEX_QUOTA.start.tpm
    assert limit == 5_000_000
    service = CountingService(SimulatorSettings(tpm=limit), tokens_a_text=150, jitter=0.1)
    driven = drive(service, VERTEX_QUOTA.start, minutes=3, most=100)
    assert driven.refused == []
    assert sum(each.tokens for each in driven.admitted) >= 0.98 * 3 * limit
    assert driven.peak_tokens <= limit


def test_a_plan_has_no_tiers_and_its_own_time(tmp_path: Path) -> None:
    """By tokens a minute alone; it needs no credentials."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=2, sections=3)
    workspace.use({"EMBEDDING_PROVIDER": "vertex"})
    plan = workspace.report_of("--dry-run")
    assert plan["binding_quota"] == "tokens a minute"
    assert plan["tiers"] == []
    assert plan["cost_usd"] > 0
