"""The service's own words reach who can act on them; what no waiting mends ends the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.command import Outcome, Workspace
from tests.support.gateway import gateway
from tests.support.hostile_server import HostileAnswer, hostile_server

MODEL = {"name": "models/gemini-embedding-001", "displayName": "Gemini Embedding 001"}


def error(code: int, status: str, message: str, *details: dict[str, Any]) -> HostileAnswer:
    body = {"error": {"code": code, "status": status, "message": message, "details": details}}
    return HostileAnswer([json.dumps(body).encode()], code)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One document of one chunk."""
    made = Workspace(tmp_path)
    (made.knowledge_base / "tide.md").write_text("# Tides\n\nTwice a day, for most of us.\n")
    made.use({"GOOGLE_API_KEY": "a-key-that-is-secret"})
    return made


def against(workspace: Workspace, answer: HostileAnswer) -> tuple[Outcome, int]:
    """How a run ends against a service that answers every call so; and how many were made."""
    calls = 0

    def answered(method: str, _path: str, _asked: bytes) -> HostileAnswer:
        nonlocal calls
        if method == "GET":
            return HostileAnswer([json.dumps(MODEL).encode()])
        calls += 1
        return answer

    with hostile_server(answered) as port:
        workspace.use({"GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}"})
        return workspace.run("--json"), calls


def test_what_no_waiting_fixes_ends_the_run(workspace: Workspace) -> None:
    """At the first call, with its whole sentence and a hint that fits it: on the terminal, in the
    report and in the log."""
    said = (
        "You exceeded your current quota.\n* Quota exceeded for metric: "
        "m/embed_content_free_tier_requests, limit: 0, model: x\nPlease retry in 2.1s."
    )
    outcome, calls = against(workspace, error(429, "RESOURCE_EXHAUSTED", said))
    assert (outcome.code, calls) == (3, 1), outcome.stderr
    sentence = " ".join(said.splitlines())
    told, _, hinted = outcome.stderr.partition("hint: ")
    assert sentence in told
    assert "enable billing" in hinted
    assert sentence in outcome.report["message"]
    assert "enable billing" in outcome.report["hint"]
    assert sentence in (workspace.logs / "waypoint.jsonl").read_text()


def test_what_passes_is_told_once_and_retried(workspace: Workspace) -> None:
    """The sentence of each failure, however often it comes."""
    said = "The model is overloaded.\nPlease try again later."
    workspace.use({"GIVE_UP_AFTER": "1"})
    outcome, calls = against(workspace, error(503, "UNAVAILABLE", said))
    assert outcome.code == 3
    assert calls > 1
    sentence = " ".join(said.splitlines())
    assert outcome.stderr.count(f"the service says: 503 UNAVAILABLE: {sentence}") == 1
    assert f"the last failure: 503 UNAVAILABLE: {sentence}" in outcome.report["message"]
    assert outcome.report["service_said"] == [f"503 UNAVAILABLE: {sentence}"]
    # The last failure is told by the run's own end.
    log = (workspace.logs / "waypoint.jsonl").read_text()
    assert log.count(f'"said":"{sentence}"') == calls - 1


def test_the_words_that_quote_a_document_are_left_out(workspace: Workspace) -> None:
    """And no others."""
    said = "This is about billing.\nIt says: Twice a day, for most of us."
    outcome, _ = against(workspace, error(403, "PERMISSION_DENIED", said))
    assert "This is about billing. (its words quote the text)" in outcome.stderr
    assert "Twice a day" not in outcome.stderr


def test_either_name_of_the_key_is_taken(workspace: Workspace) -> None:
    """GOOGLE_API_KEY wins, and that is said; a refusal names the one that was used."""
    with background_simulator(api_key="the-right-key") as simulator:
        workspace.use({**simulator.environment, "GEMINI_API_KEY": "another"})
        workspace.use({"GOOGLE_API_KEY": "the-right-key"})
        assert "are set: GOOGLE_API_KEY is used" in workspace.run().stderr
        del workspace.environment["GOOGLE_API_KEY"]
        workspace.use({"GEMINI_API_KEY": "the-right-key"})
        alone = workspace.run()
        assert alone.code == 0
        assert "API_KEY" not in alone.stderr
        workspace.use({"GEMINI_API_KEY": "a-wrong-key"})
        wrong = workspace.run()
        assert wrong.code == 3
        assert "set GEMINI_API_KEY to a key" in wrong.stderr


def test_a_gateway_that_only_embeds_is_used(workspace: Workspace) -> None:
    """With its headers, and with a version at the end of its address; no secret is shown."""
    wanted = {"X-Gateway-Token": "a-token-of-the-gateway", "Cookie": "a=b; c=d"}
    given = "; ".join(f"{name}: {value}" for name, value in wanted.items())
    ends = {404: "", 405: "/v1", 501: "/v1beta/"}
    with background_simulator() as simulator:
        for status, end in ends.items():
            with gateway(
                simulator.base_url, wanted=wanted, of_models=status, prefix="/gemini"
            ) as url:
                address = url.replace("//", "//me:a-password-in-a-url@") + end
                workspace.use({"GOOGLE_GEMINI_BASE_URL": address, "GOOGLE_GEMINI_HEADERS": given})
                (workspace.knowledge_base / "more.md").write_text(f"And what answers {status}.")
                outcome = workspace.run("--verbose")
                assert outcome.code == 0, outcome.stderr
        assert simulator.stats().texts_answered == 1 + len(ends)
        with gateway(simulator.base_url, wanted=wanted) as url:
            address = url.replace("//", "//me:a-password-in-a-url@")
            workspace.use({"GOOGLE_GEMINI_BASE_URL": address})
            workspace.use({"GOOGLE_GEMINI_HEADERS": "X-Gateway-Token: another-token"})
            (workspace.knowledge_base / "more.md").write_text("What is refused.")
            refused = workspace.run("--verbose")
    assert refused.code == 3
    assert "an HTML page: Who are you?" in refused.stderr
    assert "GOOGLE_GEMINI_HEADERS" in refused.stderr
    told = refused.stderr + (workspace.logs / "waypoint.jsonl").read_text()
    for word in ("a-token-of-the-gateway", "another-token", "a-password-in-a-url"):
        assert word not in told


def test_a_login_page_in_place_of_an_answer_is_told(workspace: Workspace) -> None:
    """With status 200, as a gateway or a network's portal has it; it may go away."""
    page = b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head></html>"
    workspace.use({"GIVE_UP_AFTER": "1"})
    outcome, calls = against(workspace, HostileAnswer([page]))
    assert outcome.code == 3
    assert calls > 1
    assert outcome.stderr.count("the service says: malformed answer (not JSON): an HTML page") == 1
    assert "an HTML page: Sign in to the network" in outcome.report["message"]


def test_what_is_no_gemini_api_is_told_as_what_it_is(workspace: Workspace) -> None:
    """With the setting that led there, and what should be in it."""
    answer = HostileAnswer([b'{"detail": "Not Found"}'], 404)
    with hostile_server(lambda *_asked: answer) as port:
        workspace.use({"GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}"})
        outcome = workspace.run()
    assert outcome.code == 3
    assert "JSON of another API: Not Found" in outcome.stderr
    assert "set GOOGLE_GEMINI_BASE_URL to what stands before /v1beta/models/" in outcome.stderr
    assert "EMBEDDING_MODEL" not in outcome.stderr
