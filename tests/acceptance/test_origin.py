"""What a collection is made from: one folder, and what of it was meant, in every command."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import VERIFY, Outcome, Workspace
from tests.support.corpus import write_corpus
from tests.support.verified_store import move_root

STATUS = ("-m", "waypoint", "status")
COLLECTION = "waypoint_kb_simulated"


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A folder without its drafts, in two categories and at the top, ingested once."""
    workspace = Workspace(tmp_path_factory.mktemp("ingested"))
    base = workspace.knowledge_base
    for name in ("a/one.md", "a/draft.md", "b/two.md", "b/draft.md", "top.md"):
        (base / name).parent.mkdir(exist_ok=True)
        (base / name).write_text(f"# {name}\n\nThe text of {name}.\n")
    assert workspace.run("--simulate", "--exclude", "draft.md").code == 0
    return workspace


@pytest.fixture
def workspace(tmp_path: Path, ingested: Workspace) -> Workspace:
    """The same at another place."""
    shutil.copytree(ingested.folder, tmp_path / "w")
    workspace = Workspace(tmp_path / "w")
    move_root(workspace.store, workspace.knowledge_base)
    return workspace


def verified(workspace: Workspace, *arguments: str) -> Outcome:
    return workspace.run("--simulate", *arguments, entry=VERIFY)


def sources(workspace: Workspace) -> set[str]:
    stored = read_embedded(workspace.store, workspace.logs, COLLECTION).records.values()
    return {str(each.metadata["source"]) for each in stored}


def forget_the_ledger(workspace: Workspace) -> None:
    for path in workspace.store.glob("waypoint.sqlite3*"):
        path.unlink()


def test_a_run_over_another_folder_is_refused(ingested: Workspace, tmp_path: Path) -> None:
    """With both names and the ways on, before anything is read; by the dry run as well."""
    workspace = Workspace(tmp_path)
    shutil.copytree(ingested.store, workspace.store)
    other = workspace.knowledge_base
    (other / "top.md").write_text("# Another\n\nOf the same name.\n")
    for arguments in (("--simulate",), ("--simulate", "--dry-run")):
        refused = workspace.run(*arguments)
        assert refused.code == 2, refused.stderr
        for told in (str(ingested.knowledge_base), str(other)):
            assert told in refused.stderr
        for way in ("--collection", "--root-moved", "--clear"):
            assert way in refused.stderr
    # Chroma knows it as well as the ledger does.
    forget_the_ledger(workspace)
    assert workspace.run("--simulate").code == 2
    assert verified(workspace, str(other), "--repair", "--yes").code == 2
    assert sources(workspace) == {"a/one.md", "b/two.md", "top.md"}
    assert workspace.report_of("--simulate", "--clear")["texts_embedded"] == 1
    assert sources(workspace) == {"top.md"}


def test_a_folder_that_was_moved_is_told(workspace: Workspace) -> None:
    """Once; nothing is embedded or written again."""
    moved = workspace.knowledge_base.rename(workspace.folder / "moved")
    assert workspace.run(str(moved), "--simulate").code == 2
    told = workspace.report_of(str(moved), "--simulate", "--root-moved")
    assert (told["texts_embedded"], told["documents"]["unchanged"]) == (0, 3)
    assert any(str(workspace.knowledge_base) in notice for notice in told["notices"])
    (workspace.folder / "link").symlink_to(moved)
    assert workspace.run("link", "--simulate").code == 0


@pytest.mark.slow
def test_a_container_knows_the_folder_of_its_host(workspace: Workspace) -> None:
    """Whatever is mounted, it is at the same place there."""
    workspace.use({"IN_CONTAINER": "true", "KNOWLEDGE_BASE_DIR": "../p1"})
    assert workspace.run("--simulate").code == 0
    workspace.use({"KNOWLEDGE_BASE_DIR": "../p2"})
    refused = workspace.run("--simulate")
    assert refused.code == 2
    assert "../p1" in refused.stderr
    assert "../p2" in refused.stderr
    workspace.use({"KNOWLEDGE_BASE_DIR": "./../p1/"})
    assert workspace.run("--simulate").code == 0


@pytest.mark.slow
def test_a_collection_that_holds_nothing_is_of_any_folder(workspace: Workspace) -> None:
    """It was made from an empty one, by mistake."""
    empty = workspace.folder / "empty"
    empty.mkdir()
    assert workspace.run(str(empty), "--simulate", "--collection", "other").code == 0
    assert workspace.run("--simulate", "--collection", "other").code == 0


def test_what_was_left_out_stays_out(workspace: Workspace) -> None:
    """For verify, its repair, status, the plan and a later run, with or without the ledger."""
    expected = sources(workspace)
    assert expected == {"a/one.md", "b/two.md", "top.md"}
    whole = verified(workspace, "--repair", "--yes", "--json")
    assert whole.code == 0, whole.stderr
    assert "nothing to repair" in whole.stderr
    assert any("--exclude draft.md" in notice for notice in whole.report["notices"])
    assert "--exclude draft.md" in workspace.run(entry=STATUS).stdout
    planned = workspace.run("--simulate", "--dry-run", "--json").report
    assert (planned["documents"], planned["texts_to_embed"]) == (3, 0)
    for arguments in ((), ("--clear",)):
        report = workspace.report_of("--simulate", *arguments)
        assert (report["texts_embedded"], sources(workspace)) == (0, expected)
        assert any("--exclude draft.md" in notice for notice in report["notices"])
    forget_the_ledger(workspace)
    (workspace.knowledge_base / "a" / "one.md").unlink()
    repaired = verified(workspace, "--repair", "--yes")
    assert repaired.code == 0, repaired.stderr
    assert sources(workspace) == {"b/two.md", "top.md"}

    widened = workspace.report_of("--simulate", "--exclude", "/a/draft.md")
    assert widened["documents"]["ingested"] == 1
    assert any("until now: --exclude draft.md" in notice for notice in widened["notices"])
    assert workspace.report_of("--simulate", "--exclude", "")["documents"]["ingested"] == 1
    assert workspace.report_of("--simulate")["documents"]["unchanged"] == 4
    assert sources(workspace) == {"a/draft.md", "b/two.md", "b/draft.md", "top.md"}


@pytest.mark.slow
def test_categories_add_up(workspace: Workspace) -> None:
    """Until a run is over the whole folder, no other command is either."""

    def ingest(*arguments: str, code: int = 0) -> dict[str, Any]:
        return workspace.report_of("--simulate", "--collection=kbc", *arguments, code=code)

    def check(*arguments: str) -> None:
        outcome = verified(workspace, "--collection=kbc", *arguments)
        assert outcome.code == 0, outcome.stderr

    ingest("--category=a", "--exclude=draft.md")
    check()
    refused = workspace.run("--simulate", "--collection=kbc", "--category=b", "--exclude=two.md")
    assert refused.code == 2
    assert "--exclude draft.md" in refused.stderr
    ingest("--category=b")
    check("--repair", "--yes")
    shutil.rmtree(workspace.knowledge_base / "b")
    assert verified(workspace, "--collection=kbc").code == 1
    check("--repair", "--yes")
    status = orjson.loads(workspace.run("--json", entry=STATUS).stdout)["collections"]
    (entry,) = (each for each in status if each["name"] == "kbc")
    assert entry["options"] == "--category a --category b --exclude draft.md"
    assert ingest("--exclude=")["documents"]["found"] == 3
    check()


@pytest.mark.slow
def test_how_records_are_read_is_part_of_it(tmp_path: Path) -> None:
    """The field of a text, and the size of a file; another field has all records read again."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    (base / "records.json").write_text('[{"text": "The usual one.", "note": "Another one."}]')
    (base / "large.md").write_text("A large one. " * 100)
    first = workspace.report_of(
        "--simulate", "--json-text-field=note", "--max-file-size=999", code=1
    )
    assert first["texts_embedded"] == 1
    for arguments in ((), ("--clear",)):
        assert workspace.report_of("--simulate", *arguments, code=1)["texts_embedded"] == 0
    verified(workspace, "--repair", "--yes")
    assert sources(workspace) == {"records.json#1"}
    usual = workspace.report_of("--simulate", "--json-text-field=", code=1)
    assert (usual["texts_embedded"], usual["chunks"]["deleted"]) == (1, 1)


@pytest.mark.slow
def test_the_ledger_of_a_kept_folder_and_a_lost_collection_agree(tmp_path: Path) -> None:
    """A collection that is gone from Chroma is written anew from the same folder alone."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=3, sections=2)
    whole = chunks_of(workspace.knowledge_base)
    workspace.report_of("--simulate")
    for path in workspace.store.iterdir():
        if not path.name.startswith("waypoint"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    other = workspace.folder / "other"
    write_corpus(other, documents=2, sections=2)
    assert workspace.run(str(other), "--simulate").code == 2
    assert workspace.report_of("--simulate")["texts_embedded"] == 0
    assert_holds(read_embedded(workspace.store, workspace.logs), whole)


def test_nothing_is_no_name(tmp_path: Path) -> None:
    """An empty value is a variable that was not set, not the working folder or the default."""
    workspace = Workspace(tmp_path)
    refused = workspace.run("", "--simulate")
    assert (refused.code, "'paths': it is empty" in refused.stderr) == (2, True)
    workspace.use({"KNOWLEDGE_BASE_PATH": ""})
    refused = workspace.run("--simulate")
    assert (refused.code, "KNOWLEDGE_BASE_PATH: it is empty" in refused.stderr) == (2, True)
