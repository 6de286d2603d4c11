"""The command as its users meet it: one folder, one command, and what is there afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson

from tests.support.collection import (
    DIMENSIONS,
    SIMULATED,
    assert_holds,
    chunks_of,
    read_embedded,
    simulated_vectors,
)
from tests.support.command import MODULE, PROJECT, Workspace
from waypoint.settings import FACTS

EXAMPLES = PROJECT / "examples" / "knowledge_base"

FIELDS = {
    "source": str, "doc_id": str, "title": str, "category": str,
    "section_header": str, "subsection_header": str, "heading_path": str,
    "chunk_index": int, "chunk_count": int,
    "char_start": int, "char_end": int, "content_hash": str,
}  # fmt: skip
FRONT_MATTER = {"source_org", "source_type", "jurisdiction", "last_updated", "use_cases"}


def test_a_folder_becomes_a_collection(tmp_path: Path) -> None:
    """A dry run foretells it, a run does it, and a second run finds nothing to do."""
    workspace = Workspace(tmp_path)
    chunks = chunks_of(EXAMPLES)
    texts = {chunk.text for chunk in chunks.values()}

    dry = workspace.report_of(str(EXAMPLES), "--simulate", "--dry-run")
    assert not workspace.store.exists()
    assert not workspace.logs.exists()
    assert (dry["documents"], dry["chunks"], dry["texts_to_embed"]) == (20, len(chunks), len(texts))

    report = workspace.report_of(str(EXAMPLES), "--simulate")
    assert report["documents"] == {
        "found": 20, "unchanged": 0, "ingested": 20, "removed": 0, "rejected": 0, "skipped": 0,
        "with_warnings": 0,
    }  # fmt: skip
    assert report["chunks"]["added"] == len(chunks)
    assert report["texts_embedded"] == dry["texts_to_embed"]
    assert report["tokens_embedded"] == dry["tokens_to_embed"]
    assert abs(report["cost_usd"] - dry["cost_usd"]) < 1e-9
    assert report["calls"]["started"] == report["calls"]["answered"] >= dry["calls"]
    assert (report["provider"], report["collection"]) == ("simulator", SIMULATED)
    assert (report["exit_code"], report["in_flight_at_end"]) == (0, 0)
    written = workspace.logs / f"run-{report['run_id']}.json"
    assert orjson.loads(written.read_bytes()) == report

    collection = read_embedded(workspace.store, workspace.logs)
    assert_holds(collection, chunks)
    assert collection.metadata["waypoint_provider"] == "simulator"
    for record in collection.records.values():
        assert {name: type(record.metadata[name]) for name in FIELDS} == FIELDS
        if record.metadata["format"] == "markdown":
            assert record.metadata.keys() >= FRONT_MATTER

    again = workspace.report_of(str(EXAMPLES), "--simulate")
    assert again["documents"]["unchanged"] == 20
    assert again["calls"]["started"] == again["texts_embedded"] == again["chunks"]["added"] == 0
    assert_the_log_is_in_order(workspace, [report["run_id"], again["run_id"]])

    once_more = workspace.report_of(str(EXAMPLES), "--simulate", "--dry-run")
    assert (once_more["texts_to_embed"], once_more["texts_embedded_before"]) == (0, len(texts))


def assert_the_log_is_in_order(workspace: Workspace, runs: list[str]) -> None:
    """Each line is an event of a run, and no line holds a text of a document."""
    log = (workspace.logs / "waypoint.jsonl").read_bytes()
    records = [orjson.loads(line) for line in log.splitlines()]
    assert list(dict.fromkeys(record["run"] for record in records)) == runs
    for record in records:
        assert record.keys() >= {"time", "level", "event", "run"}
    for run in runs:
        events = [record["event"] for record in records if record["run"] == run]
        assert (events[0], events[-1]) == ("run_started", "run_ended")
    for chunk in chunks_of(EXAMPLES).values():
        for line in chunk.text.splitlines():
            assert len(line) < 40 or orjson.dumps(line)[1:-1] not in log


def test_near_texts_are_found(tmp_path: Path) -> None:
    """A question's nearest chunks are of the document that answers it."""
    workspace = Workspace(tmp_path)
    workspace.report_of(str(EXAMPLES), "--simulate", "--category", "02_equipment")
    collection = read_embedded(workspace.store, workspace.logs)
    assert {source.partition("/")[0] for source in collection.sources()} == {"02_equipment"}
    (question,) = simulated_vectors(["the shutter of the dome does not close"])
    assert question.shape == (DIMENSIONS,)
    records = list(collection.records.values())
    nearness = np.stack([record.vector for record in records]) @ question
    nearest = records[int(np.argmax(nearness))]
    assert nearest.metadata["source"] == "02_equipment/dome_and_shutter.md"


def test_the_module_is_the_same_program(tmp_path: Path) -> None:
    """``python -m waypoint ingest`` with the folder from KNOWLEDGE_BASE_PATH, for people."""
    workspace = Workspace(tmp_path)
    (workspace.knowledge_base / "note.txt").write_text("One short note.")
    workspace.use({"LOG_FORMAT": "text"})
    outcome = workspace.run("--simulate", "--concurrency", "2", entry=MODULE)
    assert (outcome.code, outcome.stdout) == (0, "")
    assert f"{SIMULATED}: 1 documents ingested" in outcome.stderr
    assert "done; report: logs/run-" in outcome.stderr


def test_lines_may_be_json(tmp_path: Path) -> None:
    """With LOG_FORMAT=json what is shown can be read by machines, until the summary."""
    workspace = Workspace(tmp_path)
    (workspace.knowledge_base / "note.txt").write_text("One short note.")
    workspace.use({"LOG_FORMAT": "json"})
    outcome = workspace.run("--simulate")
    assert outcome.code == 0
    lines = [line for line in outcome.stderr.splitlines() if line.startswith("{")]
    events = [orjson.loads(line)["event"] for line in lines]
    assert events[0] == "run_started"
    assert "document_completed" in events


def test_help_names_each_option_its_variable_and_its_default(tmp_path: Path) -> None:
    """So that nobody has to look them up elsewhere."""
    workspace = Workspace(tmp_path)
    outcome = workspace.run("--help")
    assert outcome.code == 0
    shown = " ".join(outcome.stdout.split())
    for option in (
        "--category", "--allow-mass-delete", "--dry-run", "--clear", "--root-moved",
        "--retry-rejects", "--simulate", "--json", "--verbose",
    ):  # fmt: skip
        assert f" {option} " in shown
    for facts in FACTS.values():
        if facts.option.startswith("--"):
            assert f" {facts.option.partition('/')[0]} " in shown
            assert facts.told in shown
