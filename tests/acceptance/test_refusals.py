"""What cannot be done is refused with what is wrong, the way out, and the right exit code."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.background_simulator import KEY, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Outcome, Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two small documents, not yet ingested; no key, no server."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=2, sections=2)
    return workspace


def assert_refused(outcome: Outcome, code: int, *words: str) -> None:
    """Ended with that code and these words, with a hint and without a traceback."""
    assert outcome.code == code, outcome.stderr
    for word in words:
        assert word in outcome.stderr
    assert "error: " in outcome.stderr
    assert "hint: " in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "defect" not in outcome.stderr
    assert KEY not in outcome.stderr


def test_no_key(workspace: Workspace) -> None:
    """The two ways on are named, and nothing is left behind but logs."""
    assert_refused(workspace.run(), 2, "GOOGLE_API_KEY", "--simulate")
    assert not workspace.store.exists()


def test_all_impossible_settings_are_named_at_once(workspace: Workspace) -> None:
    """From options, environment and .env alike; nothing is done before they are right."""
    workspace.use({"CHROMA_PORT": "http", "QUOTA_TIER": "gold"})
    (workspace.folder / ".env").write_text("QUOTA_RPM=-1\n")
    outcome = workspace.run("--simulate", "--concurrency", "0", "--collection", "x")
    assert_refused(
        outcome, 2, "CHROMA_PORT", "QUOTA_TIER", "QUOTA_RPM", "CONCURRENCY", "COLLECTION_NAME"
    )
    assert not workspace.store.exists()
    assert not workspace.logs.exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--model", "gemini-embedding-999"], "gemini-embedding-001"),
        (["nowhere"], "nowhere"),
        (["--chunk-size", "100", "--chunk-overlap", "100"], "CHUNK_OVERLAP"),
    ],
    ids=["model", "folder", "overlap"],
)
def test_impossible_requests(workspace: Workspace, arguments: list[str], word: str) -> None:
    """A wrong command is 2, told before a store is made."""
    assert_refused(workspace.run("--simulate", *arguments), 2, word)
    assert not workspace.store.exists()


def test_a_store_that_cannot_be_made(workspace: Workspace) -> None:
    """A file lies where the folder should."""
    obstacle = workspace.folder / "obstacle"
    obstacle.touch()
    workspace.use({"CHROMA_PERSIST_PATH": str(obstacle)})
    assert_refused(workspace.run("--simulate"), 3, "CHROMA_PERSIST_PATH", "obstacle")


def test_keys_that_the_service_refuses(workspace: Workspace) -> None:
    """3, whether it is wrong or was found leaked; the key itself is shown nowhere."""
    with background_simulator(refused_keys=(KEY,)) as simulator:
        workspace.use(simulator.environment)
        assert_refused(workspace.run(), 3, "GOOGLE_API_KEY", "API key not valid")
        simulator.configure(refused_keys=(), leaked_keys=(KEY,))
        leaked = workspace.run("--verbose")
        assert leaked.code == 3
        assert "PERMISSION_DENIED" in leaked.stderr
        assert "Traceback" in leaked.stderr
        assert KEY not in leaked.stderr
        assert simulator.stats().calls == 0
    for path in workspace.logs.iterdir():
        assert KEY.encode() not in path.read_bytes()


def test_a_key_that_is_refused_in_mid_run(workspace: Workspace) -> None:
    """What was embedded is kept: with a good key the same command goes on from there."""
    with background_simulator(latency_ms=100) as simulator:
        workspace.use(simulator.environment)
        write_corpus(workspace.knowledge_base, documents=4, sections=10)
        with workspace.start("--concurrency", "1", "--batch-size", "5") as running:
            wait_until(lambda: simulator.stats().texts_answered >= 10)
            simulator.configure(refused_keys=(KEY,))
            outcome = running.wait()
        assert_refused(outcome, 3, "GOOGLE_API_KEY")
        answered = simulator.stats().texts_answered
        simulator.configure(refused_keys=(), latency_ms=0)
        report = workspace.report_of()
        assert report["texts_embedded"] == 40 - answered
        assert set(simulator.answers().values()) == {1}
    collection = read_embedded(workspace.store, workspace.logs)
    assert_holds(collection, chunks_of(workspace.knowledge_base))


def test_a_service_that_cannot_be_reached(workspace: Workspace) -> None:
    """Nobody listens at GOOGLE_GEMINI_BASE_URL."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        workspace.use({"GOOGLE_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url})
        outcome = workspace.run("--call-timeout", "5")
    assert_refused(outcome, 3, "GOOGLE_GEMINI_BASE_URL", url)


def test_a_service_that_never_answers_well(workspace: Workspace) -> None:
    """After --give-up-after seconds of nothing but failures: 3, and run again later."""
    with background_simulator(faults={"unavailable": 1.0}) as simulator:
        workspace.use(simulator.environment)
        outcome = workspace.run("--give-up-after", "0.5")
        assert_refused(outcome, 3, "503 UNAVAILABLE")
        simulator.configure(faults={})
        assert workspace.report_of()["texts_embedded"] == 4


@pytest.mark.parametrize("fault", ["unavailable", "hang"])
def test_a_service_that_goes_down_for_good(workspace: Workspace, fault: str) -> None:
    """In mid-run: 3 after --give-up-after seconds, and what was embedded is kept."""
    write_corpus(workspace.knowledge_base, documents=6, sections=10)
    with background_simulator(latency_ms=100) as simulator:
        workspace.use(simulator.environment)
        pace = ("--concurrency", "2", "--batch-size", "5")
        with workspace.start(*pace, "--give-up-after", "2", "--call-timeout", "3") as running:
            wait_until(lambda: simulator.stats().texts_answered >= 20)
            simulator.configure(faults={fault: 1.0})
            outcome = running.wait()
        assert_refused(outcome, 3, "no good answer", "for 2 s")
        answered = simulator.stats().texts_answered
        assert answered < 60
        simulator.configure(faults={}, latency_ms=0)
        assert workspace.report_of()["texts_embedded"] == 60 - answered
        assert set(simulator.answers().values()) == {1}
    collection = read_embedded(workspace.store, workspace.logs)
    assert_holds(collection, chunks_of(workspace.knowledge_base))


def test_the_day_is_used_up(workspace: Workspace) -> None:
    """4: nothing is wrong, but it is to be run again later; by our count or by the service's."""
    with background_simulator(rpd=3) as simulator:
        workspace.use(simulator.environment)
        outcome = workspace.run("--batch-size", "1", "--concurrency", "1")
        assert_refused(outcome, 4, "day")
        assert simulator.stats().texts_answered == 3
        simulator.configure(rpd=0)
        assert_refused(workspace.run("--rpd", "3"), 4, "day")
        assert simulator.stats().texts_answered == 3
        assert workspace.report_of()["texts_embedded"] == 1


def test_the_last_texts_of_a_day_are_used(workspace: Workspace) -> None:
    """A batch larger than what is left is cut down to it, over runs; then the run stops."""
    with background_simulator() as simulator:
        workspace.use(simulator.environment)
        assert workspace.report_of("--rpd", "3", code=4)["texts_embedded"] == 3
        assert workspace.report_of("--rpd", "3", code=4)["texts_embedded"] == 0
        assert workspace.report_of("--rpd", "4")["texts_embedded"] == 1
        assert simulator.stats().texts_received == 4


def test_a_collection_of_other_settings(workspace: Workspace) -> None:
    """It is never mixed; what helps is another name, or --clear, which embeds nothing twice."""
    with background_simulator() as simulator:
        workspace.use(simulator.environment)
        workspace.report_of()
        smaller = "--chunk-size", "300", "--chunk-overlap", "30"
        outcome = workspace.run(*smaller)
        assert_refused(outcome, 2, "chunking", "--collection", "--clear")
        assert_refused(workspace.run("--dimensions", "256"), 2, "dimensions", "--clear")
        whole = chunks_of(workspace.knowledge_base)
        assert_holds(read_embedded(workspace.store, workspace.logs), whole)

        workspace.report_of(*smaller, "--collection", "smaller")
        embedded = simulator.stats().texts_answered
        assert workspace.report_of(*smaller, "--clear")["texts_embedded"] == 0
        assert simulator.stats().texts_answered == embedded
    pieces = chunks_of(workspace.knowledge_base, size=300, overlap=30)
    for name in ("waypoint_kb_simulated", "smaller"):
        assert_holds(read_embedded(workspace.store, workspace.logs, name), pieces)
