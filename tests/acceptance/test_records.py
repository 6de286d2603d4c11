"""A file of records is as many documents, each with a life of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.background_simulator import background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus, write_records

RECORDS = {f"record {number}": number for number in range(12)}
HOUR = 3_600


def documents(report: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in report["documents"].items() if count}


def unopened(workspace: Workspace, run_id: str) -> int:
    """Documents of files that a run did not open, by its log."""
    lines = (workspace.logs / "waypoint.jsonl").read_bytes().splitlines()
    events = [event for event in map(orjson.loads, lines) if event["run"] == run_id]
    return sum(event["unchanged"] for event in events if event["event"] == "files_found")


@pytest.mark.timeout(600)
def test_what_happens_to_a_record_happens_to_it_alone(tmp_path: Path) -> None:
    """Edited, gone, new, moved with its file; and all of them stay while it cannot be read."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=1, sections=2)
    path = base / "list.jsonl"
    write_records(path, RECORDS)
    for file in base.rglob("*.*"):
        os.utime(file, (file.stat().st_atime - HOUR, file.stat().st_mtime - HOUR))
    with background_simulator() as simulator:
        workspace.use(simulator.environment | {"LOG_LEVEL": "DEBUG"})
        first = workspace.report_of()
        assert (first["files"], documents(first)) == (2, {"found": 13, "ingested": 13})
        again = workspace.report_of()
        assert documents(again) == {"found": 13, "unchanged": 13}
        assert unopened(workspace, again["run_id"]) == 13

        changed = {name: text for name, text in RECORDS.items() if name != "record 7"}
        write_records(path, {"new": 20, **changed, "record 3": 21})
        edited = workspace.report_of("--dry-run", "--simulate")
        assert (edited["documents"], edited["texts_to_embed"]) == (13, 2)
        edited = workspace.report_of()
        assert documents(edited) == {"found": 13, "unchanged": 11, "ingested": 2, "removed": 1}
        assert edited["texts_embedded"] == 2
        whole = chunks_of(base)
        assert_holds(read_embedded(workspace.store, workspace.logs), whole)

        text = path.read_bytes()
        path.write_bytes(b"\x00\x01" + text)
        damaged = workspace.report_of(code=1)
        assert documents(damaged) == {"found": 2, "unchanged": 1, "rejected": 1}
        assert [reject["source"] for reject in damaged["rejects"]] == ["list.jsonl"]
        assert_holds(read_embedded(workspace.store, workspace.logs), whole)
        path.write_bytes(text)
        assert documents(workspace.report_of()) == {"found": 13, "unchanged": 13}

        path.rename(base / "renamed.jsonl")
        renamed = workspace.report_of("--allow-mass-delete")
        assert documents(renamed) == {"found": 13, "unchanged": 1, "ingested": 12, "removed": 12}
        assert renamed["texts_embedded"] == 0

        write_records(base / "renamed.jsonl", {"new": 20})
        refused = workspace.report_of(code=1)
        assert refused["removals_refused"] == 11
        gone = workspace.report_of("--allow-mass-delete")
        assert documents(gone) == {"found": 2, "unchanged": 2, "removed": 11}
        assert_holds(read_embedded(workspace.store, workspace.logs), chunks_of(base))
        assert set(simulator.answers().values()) == {1}
