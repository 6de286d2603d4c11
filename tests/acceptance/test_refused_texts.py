"""A text that the service refuses is told from a wrong request, noted, and not sent again."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import section_text, write_corpus
from tests.support.crash_at import CRASHED, ENTRY, REJECT_POINTS
from tests.support.fixtures import simulator_fixture
from tests.support.poison import POISON, part, poison, rejects_listed
from tests.support.waiting import wait_until
from waypoint.ingestion.canary import CANARY_TEXT
from waypoint.storage.ledger import LEDGER_NAME

ONE_BY_ONE = ("--concurrency", "1", "--batch-size", "10")
CACHE = ("-m", "waypoint", "cache")


simulator = simulator_fixture(poison=POISON)
"""One that refuses texts with the poison in them."""


@pytest.fixture
def workspace(tmp_path: Path, simulator: BackgroundSimulator) -> Workspace:
    """24 chunks, of which 3 are refused: 2 in one document, 1 in another."""
    workspace = Workspace(tmp_path)
    workspace.use(simulator.environment)
    write_corpus(workspace.knowledge_base, documents=6, sections=4)
    poison(first_of(workspace), 1, 3)
    poison(workspace.knowledge_base / "category_1" / "document_004.md", 0)
    return workspace


def first_of(workspace: Workspace) -> Path:
    """The document with two refused texts."""
    return workspace.knowledge_base / "category_0" / "document_000.md"


def assert_stored(workspace: Workspace, *, collection: str = "waypoint_kb_simulated") -> None:
    """All but the refused chunks is there, and nothing else."""
    good, _ = part(chunks_of(workspace.knowledge_base))
    assert_holds(read_embedded(workspace.store, workspace.logs, collection), good)


def test_refused_once_is_not_sent_again(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """Not after an edit beside it, not in another document or collection, not after --clear."""
    _, refused = part(chunks_of(workspace.knowledge_base))
    assert set(report_rejects(workspace.report_of(code=1))) == refused

    # An edit beside a refused text; the same text in a new document, twice.
    document = first_of(workspace)
    document.write_text(document.read_text() + section_text(random.Random(3), 9))
    text = document.read_text()
    twin = text[text.index("## Section 1") : text.index("## Section 2")]
    (workspace.knowledge_base / "twin.md").write_text(f"{twin}\n{twin}")
    simulator.reset()
    report = workspace.report_of(code=1)
    assert simulator.stats().texts_received == report["texts_embedded"] == 1
    assert report["chunks"]["rejected"] == 4
    assert report["standing_rejects"] == 5
    assert_stored(workspace)

    # Another collection, and the first one anew: all from the ledger, refusals included.
    other = workspace.report_of("--collection", "other", code=1)
    anew = workspace.report_of("--clear", code=1)
    assert simulator.stats().texts_received == 1
    assert other["standing_rejects"] == anew["standing_rejects"] == 5
    assert_stored(workspace)
    assert_stored(workspace, collection="other")
    assert len(rejects_listed(workspace.logs)) == 10
    assert workspace.run(entry=CACHE).stdout.count("3 texts rejected by the service") == 1


def report_rejects(report: dict[str, object]) -> list[str]:
    """Ids of the chunks that a run rejected."""
    rejects = report["rejects"]
    assert isinstance(rejects, list)
    return [reject["chunk"] for reject in rejects]


def test_rejects_are_named_for_as_long_as_they_stand(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """In the report, the summary and rejects.jsonl; with reason, without text; gone when mended."""
    _, refused = part(chunks_of(workspace.knowledge_base))
    bad = workspace.knowledge_base / "category_2" / "bad.md"
    bad.write_bytes(b"\x00\xff")
    workspace.report_of(code=1)
    again = workspace.run()
    assert again.code == 1
    for chunk in refused:
        assert f"still rejected: {chunk} of category_" in again.stderr
    assert "rejected documents and chunks: 4, all listed in logs/rejects.jsonl" in (again.stderr)
    listed = rejects_listed(workspace.logs)
    assert {line["chunk"] for line in listed} == {"", *refused}
    for line in listed:
        assert line["collection"] == "waypoint_kb_simulated"
        assert ("400 INVALID_ARGUMENT" in line["reason"]) == bool(line["chunk"])
        assert line.keys() - {"hint"} == {"collection", "source", "chunk", "reason"}
    assert POISON not in (workspace.logs / "rejects.jsonl").read_text()

    # A run that can't go on names them as well, and so does one whose list can't be written.
    (workspace.knowledge_base / "new.md").write_text("Something new.")
    simulator.configure(faults={"unavailable": 1.0})
    (workspace.logs / "rejects.jsonl").unlink()
    assert workspace.report_of("--give-up-after", "0.5", code=3)["standing_rejects"] == 4
    assert rejects_listed(workspace.logs) == listed
    simulator.configure(faults={})
    (workspace.logs / "rejects.jsonl").unlink()
    (workspace.logs / "rejects.jsonl").mkdir()
    obstructed = workspace.report_of(code=1)
    assert (obstructed["standing_rejects"], obstructed["rejects_file"]) == (4, "")
    assert any("list of rejects" in notice for notice in obstructed["notices"])
    (workspace.logs / "rejects.jsonl").rmdir()

    bad.unlink()
    for document in workspace.knowledge_base.rglob("*.md"):
        document.write_text(document.read_text().replace(POISON, "sugar"))
    report = workspace.report_of()
    assert (report["standing"], rejects_listed(workspace.logs)) == ([], [])
    assert report["texts_embedded"] == 3


def test_rejects_are_tried_again_when_asked(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """Those of the category alone, if one is given; nothing else is sent, nothing is sent twice."""
    workspace.report_of(code=1)
    simulator.reset()
    report = workspace.report_of("--retry-rejects", *ONE_BY_ONE, code=1)
    assert report["chunks"]["rejected"] == report["standing_rejects"] == 3
    # The canary is the only one that was answered: the refusals are the texts' own.
    assert set(simulator.answers()) == {sha256(CANARY_TEXT.encode()).hexdigest()}

    simulator.configure(poison="")
    assert workspace.report_of(code=1)["texts_embedded"] == 0
    report = workspace.report_of("--retry-rejects", "--category", "category_0", code=1)
    assert (report["texts_embedded"], report["standing_rejects"]) == (2, 1)
    report = workspace.report_of("--retry-rejects")
    assert (report["texts_embedded"], report["standing_rejects"]) == (1, 0)
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )
    simulator.reset()
    report = workspace.report_of("--retry-rejects")
    assert (report["documents"]["unchanged"], simulator.stats().calls) == (6, 0)


def test_rejects_are_tried_again_where_two_collections_share_them(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """What one of them gets is in the ledger for the other; also with --clear."""
    workspace.report_of(code=1)
    workspace.report_of("--collection", "other", code=1)
    simulator.configure(poison="")
    assert workspace.report_of("--retry-rejects", "--clear")["texts_embedded"] == 3
    assert workspace.report_of("--collection", "other", code=1)["standing_rejects"] == 3
    assert workspace.report_of("--collection", "other", "--retry-rejects")["texts_embedded"] == 0
    whole = chunks_of(workspace.knowledge_base)
    for name in ("waypoint_kb_simulated", "other"):
        assert_holds(read_embedded(workspace.store, workspace.logs, name), whole)


@pytest.mark.parametrize("point", REJECT_POINTS)
def test_a_death_beside_a_refusal_is_made_good(
    point: str, workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """The next run ends with what a fresh one would make; a refusal that was noted stands."""
    if point == "after-retry-rejects":
        workspace.report_of(code=1)
    crashed = workspace.run(point, "1", *ONE_BY_ONE, "--retry-rejects", entry=ENTRY)
    assert crashed.code == CRASHED, crashed.stderr
    noted = refusals_noted(workspace)
    # How far the calls are when a document is first done depends on the machine.
    assert noted in {"after-refuse": {1}, "before-finish": {0, 1, 2, 3}}.get(point, {0})
    simulator.reset()
    report = workspace.report_of(*ONE_BY_ONE, code=1)
    assert report["standing_rejects"] == len(rejects_listed(workspace.logs)) == 3
    assert_stored(workspace)
    assert report["chunks"]["refused_before"] == noted


def refusals_noted(workspace: Workspace) -> int:
    """How many texts the ledger knows to be refused."""
    with closing(sqlite3.connect(workspace.store / LEDGER_NAME)) as db:
        (count,) = db.execute("SELECT count(*) FROM refused_texts").fetchone()
    return int(count)


def test_a_request_that_is_wrong_as_such(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """Nothing is taken for a text's fault: 3, with one harmless text tried, and nothing noted."""
    simulator.configure(poison="a")
    outcome = workspace.run("--concurrency", "8", "--batch-size", "4")
    assert outcome.code == 3
    assert "the service refuses every request: 400 INVALID_ARGUMENT" in outcome.stderr
    assert "EMBEDDING_MODEL" in outcome.stderr
    # The calls in flight, and the canary: nothing was halved.
    assert simulator.stats().calls <= 8 + 1
    assert rejects_listed(workspace.logs) == []
    simulator.configure(poison="")
    assert workspace.report_of()["texts_embedded"] == 24


def test_a_request_that_becomes_wrong_in_mid_run(workspace: Workspace) -> None:
    """3 as well: what the service no longer takes from anyone is not noted as the texts' fault."""
    with background_simulator(latency_ms=300) as simulator:
        workspace.use(simulator.environment)
        with workspace.start("--concurrency", "3", "--batch-size", "2") as running:
            wait_until(lambda: simulator.stats().texts_answered >= 6)
            simulator.configure(poison="a")
            outcome = running.wait()
        assert outcome.code == 3, outcome.stderr
        assert "refuses every request" in outcome.stderr
        assert rejects_listed(workspace.logs) == []
        simulator.configure(poison="", latency_ms=0)
        workspace.report_of()
        assert set(simulator.answers().values()) == {1}
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )


def test_all_texts_are_refused_but_not_the_control_text(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """Then it is the texts: each of them is rejected, and the run is finished."""
    simulator.configure(poison=" ")
    report = workspace.report_of(*ONE_BY_ONE, code=1)
    assert report["chunks"]["rejected"] == report["standing_rejects"] == 24
    assert report["documents"]["ingested"] == 6
    # All that was billed is the canary, which was asked again for each doubt.
    assert set(simulator.answers()) == {sha256(CANARY_TEXT.encode()).hexdigest()}
    assert report["texts_embedded"] == simulator.stats().texts_answered
    simulator.configure(poison="")
    assert workspace.report_of("--retry-rejects")["texts_embedded"] == 24


def test_the_control_text_meets_faults_and_the_days_limit(
    workspace: Workspace, simulator: BackgroundSimulator
) -> None:
    """It is tried again like any call and counts like any text; without an answer none is noted."""
    simulator.configure(
        poison=" ", fault_script=(None, "unavailable", "rate_limited"), fault_retry_delay_s=0.1
    )
    report = workspace.report_of("--rpd", "24", "--batch-size", "24", "--concurrency", "1", code=4)
    assert report["calls"]["retried"] == 0
    assert report["standing_rejects"] == 0

    report = workspace.report_of("--batch-size", "24", "--concurrency", "1", code=1)
    assert report["calls"]["retried"] == 2
    assert report["standing_rejects"] == 24
