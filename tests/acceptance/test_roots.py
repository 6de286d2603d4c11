"""A collection of several folders: the same name under two of them is two documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.collection import read_embedded
from tests.support.command import VERIFY, Outcome, Workspace

COLLECTION = "waypoint_kb_simulated"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The folders p1, p2 and p3, each with a README.md of its own and one document more."""
    workspace = Workspace(tmp_path)
    for name in ("p1", "p2", "p3"):
        (tmp_path / name / "guide").mkdir(parents=True)
        (tmp_path / name / "README.md").write_text(f"# {name}\n\nWhat {name} is about.\n")
        (tmp_path / name / "guide" / "use.md").write_text(f"# Use\n\nHow {name} is used.\n")
    return workspace


def ids(workspace: Workspace) -> dict[str, str]:
    """Of each source's one chunk."""
    stored = read_embedded(workspace.store, workspace.logs, COLLECTION).records
    return {str(record.metadata["source"]): key for key, record in stored.items()}


def verified(workspace: Workspace, *arguments: str) -> Outcome:
    return workspace.run("--simulate", *arguments, entry=VERIFY)


def test_a_folder_is_added_by_name(workspace: Workspace) -> None:
    """The first keeps its ids; each run lists, and removes from, its own folder alone."""
    assert workspace.run("p1", "--simulate").code == 0
    before = ids(workspace)
    refused = workspace.run("p2", "--simulate")
    assert refused.code == 2
    assert "--as NAME" in refused.stderr
    added = workspace.report_of("p2", "--simulate", "--as", "second")
    assert (added["texts_embedded"], added["documents"]["found"]) == (2, 2)
    both = ids(workspace)
    assert both.keys() - before.keys() == {"//second/README.md", "//second/guide/use.md"}
    assert {source: both[source] for source in before} == before

    # Known by now, it needs no name; what is gone from it is gone from it alone.
    (workspace.folder / "p2" / "README.md").unlink()
    assert workspace.report_of("p2", "--simulate")["documents"]["removed"] == 1
    (workspace.folder / "p1" / "guide" / "use.md").unlink()
    assert workspace.report_of("p1", "--simulate")["documents"]["removed"] == 1
    assert ids(workspace).keys() == {"README.md", "//second/guide/use.md"}


@pytest.mark.slow
def test_chroma_knows_the_folders_too(workspace: Workspace) -> None:
    """The ledger is lost: the vectors are all there, and so are the documents of each folder."""
    assert workspace.run("p1", "p2", "--simulate").code == 0
    stored = ids(workspace)
    for path in workspace.store.glob("waypoint.sqlite3*"):
        path.unlink()
    assert workspace.report_of("p2", "--simulate")["texts_embedded"] == 0
    assert workspace.report_of("p1", "--simulate")["texts_embedded"] == 0
    assert ids(workspace) == stored
    assert verified(workspace, "p1").code == 0


def test_several_folders_at_once(workspace: Workspace) -> None:
    """Each is a root of its own; a whole verification and its repair go over all of them."""
    told = workspace.report_of("p1", "p2", "p3", "--simulate")
    assert (told["documents"]["found"], told["texts_embedded"]) == (6, 6)
    stored = ids(workspace)
    assert len(stored) == 6
    assert "//p3/guide/use.md" in stored
    again = workspace.report_of("p1", "p2", "p3", "--simulate")
    assert (again["documents"]["unchanged"], again["texts_embedded"]) == (6, 0)
    assert verified(workspace, "p1").code == 0
    (workspace.folder / "p2" / "guide" / "use.md").write_text("# Use\n\nIn another way.\n")
    (workspace.folder / "p3" / "new.md").write_text("# New\n\nOf the third.\n")
    assert verified(workspace, "p1").code == 1
    assert verified(workspace, "p1", "--repair", "--yes").code == 0
    assert ids(workspace).keys() == {*stored, "//p3/new.md"}


def test_single_files_are_ingested_alone(workspace: Workspace) -> None:
    """As documents of the folder they lie in; nothing else is read, and nothing is removed."""
    assert workspace.run("p1", "p2", "--simulate").code == 0
    before = ids(workspace)
    edited = workspace.folder / "p2" / "guide" / "use.md"
    edited.write_text("# Use\n\nOtherwise.\n")
    (workspace.folder / "p2" / "README.md").unlink()
    (workspace.folder / "p1" / "README.md").write_text("# Also edited\n")
    told = workspace.report_of("p2/guide/use.md", "--simulate")
    assert (told["texts_embedded"], told["documents"]["found"], told["documents"]["removed"]) == (
        1,
        1,
        0,
    )
    after = ids(workspace)
    assert after.keys() == before.keys()
    assert {source for source in after if after[source] != before[source]} == {"//p2/guide/use.md"}
    assert workspace.report_of("p2", "--simulate")["documents"]["removed"] == 1


def test_a_single_file_of_no_collection_is_one_of_its_folder(workspace: Workspace) -> None:
    """Several files, of the folder they have in common; a later run over it takes the rest."""
    told = workspace.report_of("p1/README.md", "p1/guide/use.md", "--simulate", "--dry-run")
    assert told["documents"] == 2
    assert workspace.report_of("p1/README.md", "--simulate")["texts_embedded"] == 1
    assert ids(workspace).keys() == {"README.md"}
    assert workspace.report_of("p1", "--simulate")["texts_embedded"] == 1
    assert ids(workspace).keys() == {"README.md", "guide/use.md"}


@pytest.mark.slow
def test_what_a_single_file_cannot_be_is_told(workspace: Workspace) -> None:
    """Exit code 2 with a hint; nothing is changed."""
    assert workspace.run("p1", "--simulate").code == 0
    for arguments, told in (
        (["p1/README.md", "p2"], "single files by a run of their own"),
        (["p1/README.md", "--category", "guide"], "leave --category away"),
        (["p2/README.md"], "holds the documents of"),
        (["p1/README.md", "--exclude", "x"], "leave these options away"),
    ):
        refused = workspace.run(*arguments, "--simulate")
        assert refused.code == 2
        assert told in " ".join(refused.stderr.split())
