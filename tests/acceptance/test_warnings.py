"""What a document lost is told wherever a run is looked at, and by every run until it changes."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from tests.support.command import MODULE, Workspace

WARNING = "front matter is never closed by '---': read as text"


def test_warnings_reach_summary_report_log_plan_and_inspect(tmp_path: Path) -> None:
    """Also those of an unchanged document, which the ledger remembers; the exit code stays 0."""
    workspace = Workspace(tmp_path)
    for name in ("a", "b", "c"):
        note = workspace.knowledge_base / f"{name}.md"
        note.write_text(f"---\ntitle: {name}\nSome words of {name}.\n")
        # Long ago: a file of just now is read again, in case that it was edited since.
        os.utime(note, (1e9, 1e9))
    (workspace.knowledge_base / "d.md").write_text("Nothing odd.\n")
    told = [{"source": f"{name}.md", "warning": WARNING} for name in ("a", "b", "c")]

    plan = workspace.run("--simulate", "--dry-run", "--json")
    assert plan.code == 0
    assert (plan.report["with_warnings"], plan.report["warnings"]) == (3, told)
    assert "3 documents with warnings" in plan.stderr

    for unchanged in (False, True):
        ran = workspace.run("--simulate", "--json")
        assert ran.code == 0, ran.stderr
        assert ran.report["documents"]["with_warnings"] == 3
        assert sorted(ran.report["warnings"], key=lambda each: each["source"]) == told
        assert f"warning b.md: {WARNING}" in ran.stderr
        assert "3 documents with warnings" in ran.stderr
        log = (workspace.logs / "waypoint.jsonl").read_bytes().splitlines()
        mine = [
            event for line in log if (event := orjson.loads(line))["run"] == ran.report["run_id"]
        ]
        events = [event for event in mine if event["event"] == "document_warning"]
        assert len(events) == (0 if unchanged else 3), "said once at WARNING, then at DEBUG"

    seen = workspace.run("inspect", str(workspace.knowledge_base / "a.md"), entry=MODULE[:2])
    assert f"warning: {WARNING}" in seen.stdout

    (workspace.knowledge_base / "a.md").write_text("Mended.\n")
    assert workspace.report_of("--simulate")["documents"]["with_warnings"] == 2


def test_the_plan_names_formats_that_are_not_read(tmp_path: Path) -> None:
    """By suffix and count, as the summary does."""
    workspace = Workspace(tmp_path)
    for name in ("a.md", "x.mp3", "y.MP3", "drawing.dwg", "LICENSE"):
        (workspace.knowledge_base / name).write_text("text")
    plan = workspace.run("--simulate", "--dry-run", "--json")
    assert plan.report["left_out"] == {
        "no reader for .mp3": 2,
        "no reader for .dwg": 1,
        "no reader for files without a suffix": 1,
    }
    assert "2 no reader for .mp3" in plan.stderr
    assert "2 no reader for .mp3" in workspace.run("--simulate").stderr
