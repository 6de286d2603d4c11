"""Metadata that somebody gives documents from outside: beside a file, or for all below a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.collection import read_embedded
from tests.support.command import MODULE, Workspace
from tests.support.verified_store import VerifiedStore, failing
from waypoint.models import MetadataValue

OURS = ("owner", "team", "level", "title", "id")


def put(base: Path, name: str, text: str) -> None:
    """A file of long ago: one of just now is read again, in case that it was edited since."""
    path = base / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1e9, 1e9))


def given(workspace: Workspace) -> Mapping[str, dict[str, MetadataValue]]:
    """The fields of the test that each document's chunks have in the collection."""
    records = read_embedded(workspace.store, workspace.logs).records.values()
    return {
        str(record.metadata["source"]): {
            name: record.metadata[name] for name in OURS if name in record.metadata
        }
        for record in records
    }


@pytest.mark.timeout(600)
def test_sidecars_change_metadata_without_a_call(tmp_path: Path) -> None:
    """The nearest wins, front matter wins over all; edited, broken and removed, nothing is sent."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    put(base, "_metadata.yaml", "owner: all\nteam: red\n")
    put(base, "a/_metadata.yml", "team: blue\n")
    put(base, "a/plan.md", "---\nowner: me\n---\nThe plan of the year.\n")
    put(base, "a/plan.md.meta.json", '{"owner": "sidecar", "level": 3, "title": "Plan"}')
    put(
        base,
        "b/list.jsonl",
        '{"id": "x", "text": "one", "owner": "x"}\n{"id": "y", "text": "two"}\n',
    )
    put(base, "b/list.jsonl.meta.yaml", "level: 4\n")
    (base / "a" / "plan.md.meta.yaml").symlink_to(base / "_metadata.yaml")
    first = workspace.report_of("--simulate")
    assert (first["documents"]["ingested"], first["left_out"]) == (
        3, {"metadata of other files (sidecars)": 5},
    )  # fmt: skip
    plan = {"owner": "me", "team": "blue", "level": 3, "title": "Plan"}
    one = {"owner": "x", "team": "red", "level": 4, "title": "list#x", "id": "x"}
    two = {"owner": "all", "team": "red", "level": 4, "title": "list#y", "id": "y"}
    before = {"a/plan.md": plan, "b/list.jsonl#x": one, "b/list.jsonl#y": two}
    assert given(workspace) == before
    again = workspace.report_of("--simulate")
    assert (again["documents"]["unchanged"], again["chunks"]["updated"]) == (3, 0)

    os.utime(base / "b" / "list.jsonl.meta.yaml", (2e9, 1.1e9))
    put(base, "a/_metadata.yml", "level: 9\n")
    put(base, "a/plan.md.meta.json", '{\n"level": ')
    edited = workspace.run("--simulate", "--json")
    assert edited.code == 0
    assert "a/plan.md: a/plan.md.meta.json: not read: malformed JSON" in edited.stderr
    assert "at line 2" in edited.stderr
    report = edited.report
    assert (report["documents"]["ingested"], report["documents"]["unchanged"]) == (1, 2)
    assert (report["texts_embedded"], report["chunks"]["updated"], report["chunks"]["added"]) == (
        0,
        1,
        0,
    )
    plan = {"owner": "me", "team": "red", "level": 9, "title": "plan"}
    assert given(workspace) == {**before, "a/plan.md": plan}
    told = workspace.run("--simulate", "--json")
    assert told.report["documents"]["unchanged"] == 3
    assert "malformed JSON" in told.stderr

    (base / "_metadata.yaml").unlink()
    (base / "a" / "_metadata.yml").rename(base / "_metadata.json")
    (base / "_metadata.json").write_text('{"team": "green"}')
    (base / "a" / "plan.md.meta.json").unlink()
    report = workspace.report_of("--simulate")
    assert (report["texts_embedded"], report["chunks"]["updated"]) == (0, 3)
    del one["owner"], two["owner"], plan["level"]
    assert given(workspace) == {
        "a/plan.md": plan | {"team": "green"},
        "b/list.jsonl#x": {"owner": "x", **one} | {"team": "green"},
        "b/list.jsonl#y": two | {"team": "green"},
    }
    shown = workspace.run("inspect", str(base / "b" / "list.jsonl"), entry=MODULE[:2]).stdout
    assert "metadata from: b/list.jsonl.meta.yaml" in shown
    assert "team: green" in shown


def test_verify_compares_what_sidecars_say(tmp_path: Path) -> None:
    """One that was only touched says the same; an edited one makes all documents below it stale."""
    store = VerifiedStore(tmp_path)
    put(store.knowledge_base, "_metadata.yaml", "team: red\n")
    put(store.knowledge_base, "a.md", "Some words.\n")
    put(store.knowledge_base, "b/list.jsonl", '{"id": 1, "text": "a record"}\n')
    assert store.ingest() == 0
    sidecar = store.knowledge_base / "_metadata.yaml"
    os.utime(sidecar, (1.1e9, 1.1e9))
    assert store.verify(checks=("stale",))[0] == 0
    put(store.knowledge_base, "_metadata.yaml", "team: blue\n")
    code, report = store.verify(checks=("stale",))
    assert (code, failing(report)) == (1, {"stale"})
    (check,) = [each for each in report["checks"] if each["name"] == "stale"]
    assert check["found"] == 2
    assert "its sidecars have changed" in check["examples"][0]
