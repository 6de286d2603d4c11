"""Verify, search and status as their users meet them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.background_simulator import BackgroundSimulator
from tests.support.chroma_servers import ChromaCommand
from tests.support.collection import SIMULATED
from tests.support.command import PROJECT, Outcome, Workspace
from tests.support.fixtures import simulator_fixture
from waypoint.storage.lock import StoreLock

EXAMPLES = PROJECT / "examples" / "knowledge_base"
VERIFY = (str(PROJECT / "scripts" / "verify.py"),)
SEARCH = ("-m", "waypoint", "search")
STATUS = ("-m", "waypoint", "status")
QUESTION = "closing the shutter by hand with the crank"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The sample knowledge base, ingested by the built-in simulator."""
    workspace = Workspace(tmp_path_factory.mktemp("sample"))
    # Not told again: what is verified is the folder of the last ingestion.
    del workspace.environment["KNOWLEDGE_BASE_PATH"]
    workspace.report_of(str(EXAMPLES), "--simulate")
    return workspace


def json_of(outcome: Outcome, code: int = 0) -> dict[str, Any]:
    """What a command printed, which is to have ended with ``code``."""
    assert outcome.code == code, outcome.stderr
    return outcome.report


def test_the_sample_passes(sample: Workspace) -> None:
    """Without a word about folder, collection or questions; a page and a report are written."""
    verdict = json_of(sample.run("--json", "--html", "page.html", "--recall", "5", entry=VERIFY))
    assert verdict["passed"]
    assert verdict["collection"] == SIMULATED
    assert verdict["knowledge_base"] == str(EXAMPLES.resolve())
    assert {check["status"] for check in verdict["checks"]} <= {"PASS", "INFO"}
    assert [tier["status"] for tier in verdict["tiers"]] == ["PASS"] * 3
    for tier in verdict["tiers"]:
        ranks = [question["rank"] for question in tier["questions"]]
        assert tier["hits"] == sum(rank > 0 for rank in ranks)
        mean = sum(1 / rank for rank in ranks if rank) / len(ranks)
        assert tier["mrr"] == pytest.approx(mean)
    written = sample.logs / f"verify-{verdict['verify_id']}.json"
    assert orjson.loads(written.read_bytes()) == verdict
    assert "<svg" in (sample.folder / "page.html").read_text()


def test_a_sample_is_embedded_as_it_was(tmp_path: Path) -> None:
    """With the context headers that the collection was made with."""
    workspace = Workspace(tmp_path)
    workspace.use({"KNOWLEDGE_BASE_PATH": str(EXAMPLES), "CONTEXT_HEADERS": "true"})
    assert workspace.run("--simulate").code == 0
    verdict = json_of(workspace.run("--json", "--check", "sample", "--sample", "20", entry=VERIFY))
    (check,) = (check for check in verdict["checks"] if check["name"] == "sample")
    assert (check["status"], check["found"]) == ("PASS", 0)


def test_a_part_and_what_is_not_there(sample: Workspace) -> None:
    """One tier alone; a name that is not known is refused, naming those that are."""
    verdict = json_of(sample.run("--json", "--tier", "scenario", entry=VERIFY))
    assert [check["name"] for check in verdict["checks"]] == ["retrieval"]
    assert [tier["name"] for tier in verdict["tiers"]] == ["scenario"]
    for arguments, named in (
        (("--tier", "none"), "its tiers are: category, document, scenario"),
        (("--collection", "none"), f"collections that are there: {SIMULATED}"),
        (("no folder",), "is not a folder"),
    ):
        outcome = sample.run(*arguments, entry=VERIFY)
        assert outcome.code == 2
        assert named in outcome.stderr
        assert "Traceback" not in outcome.stderr


def test_a_tier_below_its_mark_fails(sample: Workspace, tmp_path: Path) -> None:
    """Naming the question, and what came instead."""
    queries = tmp_path / "queries.yaml"
    queries.write_text(
        "tiers: [{name: hard, pass: 1, queries: "
        "[{text: dome and shutter, expect: {source: '*/nowhere.md'}}]}]"
    )
    outcome = sample.run("--queries", str(queries), "--check", "retrieval", entry=VERIFY)
    assert outcome.code == 1
    assert "not found (hard): 'dome and shutter' expected source */nowhere.md" in outcome.stderr
    assert "found instead: " in outcome.stderr


def test_settings_that_are_not_the_collections_are_named(sample: Workspace) -> None:
    """And keep a repair from touching it."""
    outcome = sample.run("--chunk-size", "500", "--check", "recipe", entry=VERIFY)
    assert outcome.code == 1
    assert "sections-3/600/90" in outcome.stderr
    refused = sample.run("--chunk-size", "500", "--repair", "--yes", entry=VERIFY)
    assert refused.code == 2
    assert "was made with other settings" in refused.stderr


def test_a_search_finds_the_passage(sample: Workspace) -> None:
    """Its score, source, heading and text; a condition restricts it; asked twice, embedded once."""
    found = json_of(sample.run(QUESTION, "--top", "3", "--json", entry=SEARCH))
    scores = [hit["score"] for hit in found["hits"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert found["hits"][0]["source"] == "02_equipment/dome_and_shutter.md"
    assert found["hits"][0]["heading"]
    assert "crank" in found["hits"][0]["text"]
    spent = json_of(sample.run("--json", entry=STATUS))["spending"]

    where = ("--where", "category=03_procedures", "--where", "chunk_index=1")
    restricted = json_of(sample.run(QUESTION, "--json", *where, entry=SEARCH))
    assert restricted["hits"]
    for hit in restricted["hits"]:
        assert (hit["metadata"]["category"], hit["metadata"]["chunk_index"]) == ("03_procedures", 1)
    assert json_of(sample.run("--json", entry=STATUS))["spending"] == spent

    shown = sample.run(QUESTION, "--top", "1", entry=SEARCH)
    assert shown.code == 0
    assert shown.stdout.startswith(f"1. {scores[0]:.3f} 02_equipment/dome_and_shutter.md: ")
    nothing = sample.run(QUESTION, "--where", "category=none", entry=SEARCH)
    assert (nothing.code, nothing.stdout) == (0, f"nothing found in {SIMULATED}\n")
    assert sample.run("  ", entry=SEARCH).code == 2


def test_the_status_says_what_there_is(sample: Workspace) -> None:
    """Documents, chunks, model, the last run, cost and sizes; for people as well."""
    status = json_of(sample.run("--json", entry=STATUS))
    (collection,) = status["collections"]
    assert (collection["name"], collection["documents"]) == (SIMULATED, 20)
    assert collection["chunks"] == collection["chunks_of_ledger"] > 100
    assert (collection["model"], collection["rejects"]) == ("gemini-embedding-001", 0)
    run = status["last_run"]
    assert run["complete"]
    assert (
        run["texts_embedded"]
        == orjson.loads((sample.folder / run["report"]).read_bytes())["texts_embedded"]
    )
    assert status["cost_usd"] == 0
    assert status["spending"][0]["cost_usd"] > 0
    assert min(status["bytes"].values()) > 0
    shown = sample.run(entry=STATUS)
    assert shown.code == 0
    assert f"{SIMULATED}: 20 documents, " in shown.stdout


def test_where_there_is_no_store_nothing_is_made(tmp_path: Path) -> None:
    """A verification, a search or a status of nothing leaves nothing behind."""
    workspace = Workspace(tmp_path)
    for entry, arguments in ((VERIFY, ()), (SEARCH, ("x",)), (STATUS, ())):
        outcome = workspace.run(*arguments, entry=entry)
        assert outcome.code == 2
        assert "there is no store in chroma_db" in outcome.stderr
    assert not workspace.store.exists()


def test_an_embedded_store_in_use_is_refused(sample: Workspace) -> None:
    """Naming who holds it, by host, process and start."""
    with StoreLock(sample.store):
        for entry, arguments in ((VERIFY, ()), (SEARCH, ("x",)), (STATUS, ())):
            outcome = sample.run(*arguments, entry=entry)
            assert outcome.code == 3
            assert f"in use by process {os.getpid()} on " in outcome.stderr
            assert "running since " in outcome.stderr


@pytest.fixture(scope="module")
def server(sample: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaCommand]:
    """The sample's collection in a server of its own."""
    folder = tmp_path_factory.mktemp("server") / "data"
    shutil.copytree(sample.store, folder)
    with ChromaCommand(folder) as running:
        yield running


def test_beside_a_running_ingestion_a_server_is_verified(
    sample: Workspace, server: ChromaCommand, tmp_path: Path
) -> None:
    """What a run is just changing is skipped, and said so; search and status work as well."""
    workspace = Workspace(tmp_path)
    shutil.copytree(sample.store, workspace.store)
    workspace.use(server.environment | {"KNOWLEDGE_BASE_PATH": str(EXAMPLES)})
    with StoreLock(workspace.store):
        verdict = json_of(workspace.run("--json", entry=VERIFY))
        outcome = {check["name"]: check for check in verdict["checks"]}
        skipped = {name for name, check in outcome.items() if check["status"] == "SKIP"}
        assert skipped == {"sources", "orphans", "sequence", "ids", "ledger", "committed", "stale"}
        assert f"in use by process {os.getpid()}" in outcome["ledger"]["figure"]
        assert outcome["texts"]["status"] == outcome["retrieval"]["status"] == "PASS"
        assert json_of(workspace.run(QUESTION, "--json", entry=SEARCH))["hits"]
        status = json_of(workspace.run("--json", entry=STATUS))
        assert status["collections"][0]["chunks"] == verdict["chunks"]
        assert f"in use by process {os.getpid()}" in status["notices"][0]
        assert workspace.run("--repair", "--yes", entry=VERIFY).code == 3


def test_a_server_without_the_ledger_is_verified(server: ChromaCommand, tmp_path: Path) -> None:
    """As far as that goes: what only a ledger knows is skipped."""
    workspace = Workspace(tmp_path)
    workspace.use(server.environment | {"KNOWLEDGE_BASE_PATH": str(EXAMPLES)})
    verdict = json_of(workspace.run("--json", "--check", "integrity", entry=VERIFY))
    outcome = {check["name"]: check["status"] for check in verdict["checks"]}
    skipped = {name for name, status in outcome.items() if status == "SKIP"}
    assert skipped == {"sources", "ledger", "committed", "stale"}
    assert outcome["sequence"] == outcome["orphans"] == "PASS"
    assert not workspace.store.exists()


def test_a_repair_asks_before_it_touches_anything(tmp_path: Path) -> None:
    """It says what it costs; without anybody to ask it is refused, and so is a no."""
    workspace = Workspace(tmp_path)
    (workspace.knowledge_base / "note.md").write_text("# Note\n\nOne short note.")
    assert workspace.run("--simulate").code == 0
    (workspace.knowledge_base / "more.md").write_text("# More\n\nAnother short note.")
    refused = workspace.run("--repair", entry=VERIFY)
    assert refused.code == 2
    assert "to embed: at most 1 texts, $0.0000, estimated; the simulator is free" in refused.stderr
    assert "add --yes" in refused.stderr
    assert answered(workspace, "n")[0] == 2
    code, shown = answered(workspace, "y")
    assert code == 0, shown
    assert "1 documents ingested" in shown
    assert shown.rstrip().splitlines()[-2].startswith("PASS")


def answered(workspace: Workspace, answer: str) -> tuple[int, str]:
    """``verify --repair`` at a terminal, where the one question is answered so."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, *VERIFY, "--repair"],
        cwd=workspace.folder,
        env=workspace.environment | {"TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := _read(ours):
                shown += piece
                if b"Repair? [y/n]" in shown and answer:
                    os.write(ours, f"{answer}\n".encode())
                    answer = ""
        finally:
            os.close(ours)
    return process.returncode, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed
        return b""


simulator = simulator_fixture()


def test_a_service_that_refuses_leaves_what_was_verified(
    sample: Workspace, simulator: BackgroundSimulator, tmp_path: Path
) -> None:
    """Integrity is told; what needs it is skipped, and the exit code says why."""
    workspace = Workspace(tmp_path)
    shutil.copytree(sample.store, workspace.store)
    workspace.use(simulator.environment | {"QUOTA_RPD": "1"})
    arguments = (str(EXAMPLES), "--json", "--check", "texts", "--sample", "3")
    outcome = workspace.run(*arguments, entry=VERIFY)
    verdict = json_of(outcome, code=4)
    assert "the day's quota (1 texts) is used up" in outcome.stderr
    outcomes = {check["name"]: check["status"] for check in verdict["checks"]}
    assert outcomes == {"texts": "PASS", "sample": "SKIP"}
    assert simulator.stats().calls == 0


@pytest.mark.parametrize(
    ("command", "arguments", "code", "told"),
    [
        ("search", [QUESTION, "--where", "$and=3"], 0, "nothing found"),
        ("search", [os.fsdecode(b"caf\xe9")], 2, "the question is not valid UTF-8"),
        ("search", [QUESTION, "--where", os.fsdecode(b"a=\xe9")], 2, "not valid UTF-8"),
        ("inspect", ["a" * 300], 2, "File name too long"),
        (
            "simulate",
            ["--port", "99999"],
            2,
            "'--port': Input should be less than or equal to 65535",
        ),
    ],
)
def test_a_slip_is_told_as_one(
    sample: Workspace, command: str, arguments: list[str], code: int, told: str
) -> None:
    """No traceback, and no word of a defect."""
    outcome = sample.run(*arguments, entry=("-m", "waypoint", command))
    assert outcome.code == code, outcome.stderr
    assert told in outcome.stderr + outcome.stdout
    assert "Traceback" not in outcome.stderr
    assert "defect" not in outcome.stderr


def test_a_store_whose_name_is_too_long_is_told(tmp_path: Path) -> None:
    """By every command that opens one."""
    workspace = Workspace(tmp_path)
    workspace.use({"CHROMA_PERSIST_PATH": "x" * 300})
    for command in ("cache", "status", "verify"):
        outcome = workspace.run(entry=("-m", "waypoint", command))
        assert outcome.code in (2, 3), command
        assert "File name too long" in outcome.stderr, command
        assert "Traceback" not in outcome.stderr
