"""A collection of Gemini's vectors, asked by a program that knows nothing of Waypoint."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import chromadb
import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.chroma_servers import chroma_command
from tests.support.command import PROJECT, Workspace
from waypoint.simulator.models import SimulatedModel
from waypoint.storage.ledger import LEDGER_NAME

EXAMPLES = PROJECT / "examples" / "knowledge_base"
VERIFY = (str(PROJECT / "scripts" / "verify.py"),)
SEARCH = ("-m", "waypoint", "search")
QUESTIONS = ["read noise and gain of the sensor", "annual membership fee"]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[BackgroundSimulator]:
    """A server that speaks the Gemini API and does not say that it is the simulator."""
    resource = SimulatedModel.resource

    def nameless(model: SimulatedModel) -> dict[str, object]:
        return {**resource(model), "displayName": model.title}

    monkeypatch.setattr(SimulatedModel, "resource", nameless)
    with background_simulator() as running:
        yield running


def test_chromas_own_client_asks_in_words(
    tmp_path: Path, service: BackgroundSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``query(query_texts=…)`` with GOOGLE_API_KEY alone finds what our search finds."""
    workspace = Workspace(tmp_path)
    workspace.use(service.environment)
    report = workspace.report_of(str(EXAMPLES))
    assert (report["provider"], report["collection"]) == ("gemini", "waypoint_kb")
    ours = [
        [hit["id"] for hit in workspace.run(text, "--json", entry=SEARCH).report["hits"]]
        for text in QUESTIONS
    ]
    with monkeypatch.context() as environment:
        for name in ("GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
            environment.setenv(name, service.environment[name])
        with chroma_command(workspace.store) as port:
            client = chromadb.HttpClient(host="127.0.0.1", port=port)
            collection: Any = client.get_collection("waypoint_kb")
            theirs = collection.query(query_texts=QUESTIONS, n_results=5)["ids"]
    assert theirs == ours
    assert_verified_without_a_key(workspace, service)


def test_the_newer_model_is_asked_with_its_task_in_the_text(
    tmp_path: Path, service: BackgroundSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/using-the-collection.md says, a question a call: it finds what our search finds. What
    the service counted is what is billed."""
    workspace = Workspace(tmp_path)
    workspace.use({**service.environment, "EMBEDDING_MODEL": "gemini-embedding-2"})
    report = workspace.report_of(str(EXAMPLES))
    stats = service.stats()
    assert report["model"] == "gemini-embedding-2"
    assert report["tokens_embedded"] == stats.tokens_answered
    assert report["cost_usd"] == pytest.approx(stats.tokens_answered * 0.20 / 1e6, abs=1e-6)
    (question, *_) = QUESTIONS
    ours = [hit["id"] for hit in workspace.run(question, "--json", entry=SEARCH).report["hits"]]
    with monkeypatch.context() as environment:
        for name in ("GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
            environment.setenv(name, service.environment[name])
        with chroma_command(workspace.store) as port:
            client = chromadb.HttpClient(host="127.0.0.1", port=port)
            collection: Any = client.get_collection("waypoint_kb")
            asked = f"task: search result | query: {question}"
            theirs = collection.query(query_texts=[asked], n_results=5)["ids"]
    assert theirs == [ours]


def assert_verified_without_a_key(workspace: Workspace, service: BackgroundSimulator) -> None:
    """Questions are skipped, and said so; search and repair name the key; nothing is called."""
    service.reset()
    del workspace.environment["GOOGLE_API_KEY"]
    outcome = workspace.run(str(EXAMPLES), "--json", "--sample", "3", entry=VERIFY)
    assert outcome.code == 0, outcome.stderr
    checks = {check["name"]: check for check in outcome.report["checks"]}
    skipped = {name for name, check in checks.items() if check["status"] == "SKIP"}
    assert skipped == {"retrieval", "sample"}
    assert "GOOGLE_API_KEY is not set" in checks["retrieval"]["figure"]
    refused = workspace.run(QUESTIONS[0], entry=SEARCH)
    assert refused.code == 2
    assert "GOOGLE_API_KEY is not set" in refused.stderr
    ledger = workspace.store / LEDGER_NAME
    whole = ledger.read_bytes()
    with closing(sqlite3.connect(ledger)) as db, db:
        db.execute("DELETE FROM documents WHERE id = 1")
    repair = ("--repair", "--yes", "--check", "integrity")
    refused = workspace.run(str(EXAMPLES), *repair, entry=VERIFY)
    assert refused.code == 2
    assert "GOOGLE_API_KEY is not set" in refused.stderr
    # Nothing was touched: what was whole is whole.
    ledger.write_bytes(whole)
    assert workspace.run(str(EXAMPLES), *repair, entry=VERIFY).code == 0
    assert service.stats().calls == 0
