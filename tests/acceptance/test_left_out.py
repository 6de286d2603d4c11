"""What is left out of a folder: counted, named where it matters, and gone once it is ignored."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus


def test_an_ordinary_folder_with_all_that_lies_about_in_one(tmp_path: Path) -> None:
    """Documents are found among it, the rest is counted by reason, odd names are warned of."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=3, sections=2)
    documents = chunks_of(base)
    for folder in (".git", "node_modules/x", "venv"):
        (base / folder).mkdir(parents=True)
        (base / folder / "readme.md").write_text("not ours")
    (base / "venv" / "pyvenv.cfg").write_text("")
    for name in ("a.exe", "b.exe", "~$c.md"):
        (base / name).write_text("not text")
    (base / "away.md").symlink_to("/etc/passwd")
    os.mkfifo(base / "pipe.md")
    with (base / "large.md").open("wb") as large:
        large.truncate(2 * 1024**3)
    (base / os.fsdecode(b"caf\xe9.md")).write_text("text")
    outcome = workspace.run("--simulate", "--json")
    assert outcome.code == 1, outcome.stderr
    report = outcome.report
    assert report["left_out"] == {
        "hidden": 1,
        "no reader for .exe": 2,
        "symbolic link that leaves the knowledge base": 1,
        "installed packages (node_modules)": 1,
        "not a regular file: a FIFO": 1,
        "a virtual environment": 1,
        "a lock file of an office program": 1,
    }
    found = report["documents"]
    assert (found["found"], found["ingested"], found["rejected"], found["skipped"]) == (5, 3, 2, 8)
    assert {warning["source"] for warning in report["warnings"]} == {"away.md", "pipe.md"}
    assert {reject["source"] for reject in report["rejects"]} == {"large.md", "caf\\xe9.md"}
    assert "2 no reader for .exe" in outcome.stderr
    assert_holds(read_embedded(workspace.store, workspace.logs), documents)


def test_ignore_files_are_read_as_they_are_written(tmp_path: Path) -> None:
    """In UTF-16 too; one that says nothing closes its folder, and no pattern takes for ever."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    endless, name = "*a" * 50 + "b", "a" * 200 + ".md"
    for source in (f"a/{name}", "a/private.md", "b/private.md", "c/_.md", "c/A.md", "d/x.md"):
        (base / source).parent.mkdir(exist_ok=True)
        (base / source).write_text(f"The text of {source}.")
    (base / "a" / ".waypointignore").write_text(f"private.md\n{endless}\n", "utf-16")
    (base / "b" / ".waypointignore").write_text("private[.md\n")
    (base / "c" / ".waypointignore").write_text("[!-_].md\n")
    outcome = workspace.run("--simulate", "--exclude", endless, "--json")
    assert outcome.code == 1, outcome.stderr
    stored = read_embedded(workspace.store, workspace.logs).sources()
    assert set(stored) == {f"a/{name}", "c/_.md", "d/x.md"}
    (reject,) = outcome.report["rejects"]
    assert reject["source"] == "b"
    assert "line 1 is not a pattern" in reject["reason"]


def test_waypoints_own_files_are_no_documents(tmp_path: Path) -> None:
    """With store and logs in the folder itself, a run with nothing changed finds no more of it."""
    workspace = Workspace(tmp_path)
    (workspace.folder / "note.md").write_text("# A note\n\nOf some words.\n")
    (workspace.folder / ".waypointignore").write_text("!logs\nknowledge base/\n")
    for embedded in (1, 0, 0):
        report = workspace.report_of(".", "--simulate")
        assert (report["texts_embedded"], report["documents"]["found"]) == (embedded, 1)
    assert report["left_out"]["Waypoint's own (LOG_DIR, CHROMA_PERSIST_PATH)"] == 2
    workspace.use({"LOG_DIR": "."})
    refused = workspace.run(".", "--simulate")
    assert refused.code == 2
    assert "is itself where Waypoint writes" in refused.stderr


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    """It stands rejected, and so does what stood so in it; what is known of it stays."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=6, sections=2)
    whole = chunks_of(base)
    (base / "category_1" / "broken.json").write_text("{")
    assert workspace.report_of("--simulate", code=1)["documents"]["rejected"] == 1
    # An ignore file that can't be read closes its folder, to root as well.
    (base / "category_1" / ".waypointignore").mkdir()
    closed = workspace.run("--simulate")
    assert closed.code == 1
    assert "rejected category_1: its .waypointignore cannot be read" in closed.stderr
    rejects = (workspace.logs / "rejects.jsonl").read_bytes().splitlines()
    stand = [orjson.loads(line)["source"] for line in rejects]
    assert sorted(stand) == ["category_1", "category_1/broken.json"]
    assert_holds(read_embedded(workspace.store, workspace.logs), whole)
    planned = workspace.run("--simulate", "--dry-run", "--json")
    assert (planned.code, planned.report["rejected"]) == (1, 1)
    assert planned.report["rejects"][0]["source"] == "category_1"

    (base / "category_1" / ".waypointignore").rmdir()
    (base / "category_1" / "broken.json").unlink()
    assert workspace.run("--simulate").code == 0
    assert_holds(read_embedded(workspace.store, workspace.logs), whole)


def test_what_becomes_ignored_is_gone(tmp_path: Path) -> None:
    """By an ignore file or an option; guarded as any removal, and nothing is sent to come back."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=6, sections=2)
    whole = chunks_of(base)
    workspace.report_of("--simulate")
    (base / ".waypointignore").write_text("category_1/\n")
    ignored = workspace.report_of("--simulate")
    assert (ignored["documents"]["removed"], ignored["chunks"]["deleted"]) == (2, 4)
    assert ignored["left_out"] == {"ignored by .waypointignore": 1}
    kept = {key: chunk for key, chunk in whole.items() if not chunk.source.startswith("category_1")}
    assert_holds(read_embedded(workspace.store, workspace.logs), kept)

    refused = workspace.report_of("--simulate", "--include", "document_000.md", code=1)
    assert refused["removals_refused"] == 3
    assert refused["documents"]["removed"] == 0

    wrong = workspace.run("--simulate", "--exclude", "!")
    assert wrong.code == 2
    assert "--exclude '!' is not a pattern" in wrong.stderr

    (base / ".waypointignore").unlink()
    excluding = ("--exclude", "*_000.md", "--exclude", "*_003.md")
    back = workspace.report_of("--simulate", "--include", "", *excluding)
    assert (back["texts_embedded"], back["chunks"]["from_ledger"]) == (0, 4)
    assert back["documents"]["removed"] == 2
    workspace.report_of("--simulate", "--exclude", "")
    assert_holds(read_embedded(workspace.store, workspace.logs), whole)
