"""Stores and ledgers that are damaged, gone, older or somebody else's."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.support.chroma_servers import private_server
from tests.support.collection import SIMULATED, assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import document_text
from tests.support.crash_at import CRASHED, ENTRY, REPAIR_POINTS
from tests.support.fixtures import ingested_fixture, simulator_fixture
from tests.support.verified_store import move_root
from waypoint.storage.chroma.files import chroma_files
from waypoint.storage.ledger import LEDGER_NAME
from waypoint.storage.sqlite_files import database_files

_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"

CHUNKS = 1_200

Damage = Callable[[Workspace], None]


simulator = simulator_fixture("module")


ingested = ingested_fixture(documents=30, sections=40)
"""A store of 1,200 chunks, enough for Chroma to have written its index; only to be copied."""


@pytest.fixture
def workspace(tmp_path: Path, ingested: Workspace) -> Workspace:
    """A copy of the ingested store and its knowledge base."""
    copy = Workspace(tmp_path / "copy")
    shutil.copytree(ingested.folder, copy.folder, dirs_exist_ok=True)
    move_root(copy.store, copy.knowledge_base)
    copy.use({**ingested.environment, "KNOWLEDGE_BASE_PATH": str(copy.knowledge_base)})
    return copy


def assert_whole(workspace: Workspace) -> None:
    """The collection is what a first run over the folder would make."""
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )


def break_index(workspace: Workspace) -> None:
    """HNSW's files are rewritten in place: a kill can leave a header that says nothing."""
    (header,) = workspace.store.glob("*/header.bin")
    header.write_bytes(b"\xff" * 60)


def lose_index_header(workspace: Workspace) -> None:
    """A file of the index is gone."""
    (header,) = workspace.store.glob("*/header.bin")
    header.unlink()


def spoil_index_links(workspace: Workspace) -> None:
    """The private server dies of reading the index, which it does once it has to write."""
    document = sorted(workspace.knowledge_base.rglob("*.md"))[0]
    document.rename(document.with_name("moved.md"))
    (data,) = workspace.store.glob("*/data_level0.bin")
    data.write_bytes(b"\xff" * data.stat().st_size)


def cut_index(workspace: Workspace) -> None:
    """Half of the index's vectors are gone; the records are not. A kill casts the doubt."""
    (data,) = workspace.store.glob("*/data_level0.bin")
    with data.open("r+b") as file:
        file.truncate(data.stat().st_size // 2)
    edited = workspace.knowledge_base / "category_2" / "document_029.md"
    edited.touch()
    assert workspace.run("before-touch", "1", entry=ENTRY).code == CRASHED


def break_database(workspace: Workspace) -> None:
    """Chroma's database is no database: the server does not even start."""
    with (workspace.store / "chroma.sqlite3").open("r+b") as database:
        database.write(b"\0" * 5000)


def scribble_over_database(workspace: Workspace) -> None:
    """Chroma's database opens, but its pages are nonsense."""
    with (workspace.store / "chroma.sqlite3").open("r+b") as database:
        database.seek(200_000)
        database.write(b"\xa5" * 3_000_000)


def delete_store(workspace: Workspace) -> None:
    """Chroma's files are gone."""
    for path in chroma_files(workspace.store):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def delete_collection(workspace: Workspace) -> None:
    """Another client has deleted the collection."""
    with private_server(workspace.store) as port:
        url = f"http://127.0.0.1:{port}{_COLLECTIONS}/{SIMULATED}"
        httpx2.delete(url).raise_for_status()


def delete_records(workspace: Workspace) -> None:
    """Another client has deleted some of the collection's records."""
    some = list(chunks_of(workspace.knowledge_base))[:100]
    with private_server(workspace.store) as port:
        base = f"http://127.0.0.1:{port}{_COLLECTIONS}"
        described = httpx2.get(f"{base}/{SIMULATED}").json()
        url = f"{base}/{described['id']}/delete"
        httpx2.post(url, json={"ids": some}, timeout=60).raise_for_status()


def break_ledger(workspace: Workspace) -> None:
    """The ledger is no database."""
    (workspace.store / "waypoint.sqlite3").write_bytes(b"not a ledger" * 1000)


def delete_ledger(workspace: Workspace) -> None:
    """The ledger is gone."""
    for path in database_files(workspace.store / LEDGER_NAME):
        path.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        break_index,
        lose_index_header,
        spoil_index_links,
        cut_index,
        break_database,
        scribble_over_database,
        delete_store,
        delete_collection,
        delete_records,
        break_ledger,
        delete_ledger,
    ],
    ids=lambda damage: damage.__name__,
)
def test_what_is_damaged_is_mended_without_a_call(workspace: Workspace, damage: Damage) -> None:
    """The next run notices, says so, and makes the collection whole; it embeds nothing."""
    damage(workspace)
    report = workspace.report_of()
    assert report["texts_embedded"] == 0
    assert report["notices"]
    assert_whole(workspace)
    assert workspace.report_of()["notices"] == []


def test_broken_files_are_set_aside_and_never_deleted(workspace: Workspace) -> None:
    """What cannot be opened is moved into a folder of its own, named in the report."""
    (workspace.store / "chroma.sqlite3").write_bytes(b"\0" * 5000)
    report = workspace.report_of()
    (aside,) = workspace.store.glob("quarantine-*")
    assert (aside / "chroma.sqlite3").read_bytes() == b"\0" * 5000
    assert any(aside.name in notice and SIMULATED in notice for notice in report["notices"])


def take_copy(workspace: Workspace, folder: Path) -> None:
    """Copy Chroma's files, as a backup would."""
    folder.mkdir()
    for path in chroma_files(workspace.store):
        target = folder / path.name
        shutil.copytree(path, target) if path.is_dir() else shutil.copy2(path, target)


def put_back(workspace: Workspace, copy: Path) -> None:
    """Put a copy in the place of Chroma's files."""
    delete_store(workspace)
    shutil.copytree(copy, workspace.store, dirs_exist_ok=True)


def test_an_older_copy_of_the_store_is_noticed(workspace: Workspace, tmp_path: Path) -> None:
    """A backup put back knows nothing of the edits since: they are written again, unpaid."""
    take_copy(workspace, tmp_path / "backup")
    document = workspace.knowledge_base / "category_0" / "document_000.md"
    document.write_text(document_text(20, seed=99))
    (workspace.knowledge_base / "category_1" / "document_001.md").unlink()
    assert workspace.run().code == 0
    put_back(workspace, tmp_path / "backup")
    report = workspace.report_of()
    assert report["texts_embedded"] == 0
    assert_whole(workspace)


def test_an_older_copy_with_as_many_chunks_is_noticed(workspace: Workspace, tmp_path: Path) -> None:
    """One run older and of the same size, twice over: only the generation tells."""
    document = workspace.knowledge_base / "category_0" / "document_000.md"
    for seed in (98, 99):
        take_copy(workspace, tmp_path / f"before {seed}")
        document.write_text(document_text(40, seed=seed))
        assert workspace.run().code == 0
    for seed in (99, 98):
        put_back(workspace, tmp_path / f"before {seed}")
        assert workspace.report_of()["texts_embedded"] == 0
        assert_whole(workspace)


@pytest.mark.parametrize("point", REPAIR_POINTS)
def test_a_death_while_the_ledger_is_made_anew_costs_nothing(
    workspace: Workspace, point: str
) -> None:
    """What a half-made ledger knows is not taken for the whole: the next run begins again."""
    delete_ledger(workspace)
    edited = workspace.knowledge_base / "category_2" / "document_029.md"
    edited.write_text(edited.read_text().replace("## Section 7", "## Chapter 7"))
    crashed = workspace.run(point, "1", entry=ENTRY)
    assert crashed.code == CRASHED, crashed.stderr
    assert workspace.report_of()["texts_embedded"] == 1
    assert_whole(workspace)


def test_with_a_cut_index_and_no_ledger_what_can_be_read_is_not_paid_again(
    workspace: Workspace,
) -> None:
    """The rest is told of with its number."""
    cut_index(workspace)
    delete_ledger(workspace)
    report = workspace.report_of()
    embedded = report["texts_embedded"]
    assert 0 < embedded < CHUNKS - 300
    assert any(f"; {embedded:,} cannot be read" in notice for notice in report["notices"])
    assert_whole(workspace)


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("after-rename", 1),
        *(
            pytest.param(point, nth, marks=pytest.mark.slow)
            for point, nth in [
                ("after-beside", 1),
                ("after-copy", 1),
                ("before-swap", 1),
                ("before-swap", 2),
                ("after-rename", 2),
                ("before-drop", 1),
                ("before-trust", 1),
            ]
        ),
    ],
)
def test_a_death_while_it_is_rebuilt_costs_nothing(
    workspace: Workspace, point: str, nth: int
) -> None:
    """At each step: the next run brings it to its end, and leaves nothing behind."""
    cut_index(workspace)
    crashed = workspace.run(point, str(nth), entry=ENTRY)
    assert crashed.code == CRASHED, crashed.stderr
    assert workspace.report_of()["texts_embedded"] == 0
    assert_whole(workspace)
    assert names_in(workspace) == [SIMULATED]


def names_in(workspace: Workspace) -> list[str]:
    """The names of all collections, as any other client sees them."""
    with private_server(workspace.store) as port:
        listed = httpx2.get(f"http://127.0.0.1:{port}{_COLLECTIONS}").json()
        return sorted(each["name"] for each in listed)


def test_with_store_and_ledger_lost_it_is_a_first_run(workspace: Workspace) -> None:
    """Nothing is left to mend from: everything is embedded again."""
    delete_store(workspace)
    delete_ledger(workspace)
    assert workspace.report_of()["texts_embedded"] == len(chunks_of(workspace.knowledge_base))
    assert_whole(workspace)


def test_a_collection_that_is_not_ours_is_refused(workspace: Workspace) -> None:
    """Its records stay as they are, and the way out is told."""
    with private_server(workspace.store) as port:
        base = f"http://127.0.0.1:{port}{_COLLECTIONS}"
        httpx2.post(base, json={"name": "somebody_elses"}).raise_for_status()
    outcome = workspace.run("--collection", "somebody_elses")
    assert outcome.code == 2
    assert "not made by Waypoint" in outcome.stderr
    assert "--collection" in outcome.stderr


def test_a_ledger_of_a_newer_waypoint_is_refused(workspace: Workspace) -> None:
    """It is neither read wrongly nor set aside."""
    with closing(sqlite3.connect(workspace.store / "waypoint.sqlite3")) as db:
        db.execute("PRAGMA user_version = 999")
    outcome = workspace.run()
    assert outcome.code == 3
    assert "upgrade Waypoint" in outcome.stderr
    assert not list(workspace.store.glob("quarantine-*"))
