"""A healthy store that cannot be used for a while is left alone, and nothing is embedded again."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.collection import SIMULATED, assert_holds, chunks_of, read_embedded
from tests.support.command import SCRIPT, Outcome, Workspace
from tests.support.corpus import write_corpus
from tests.support.fixtures import ingested_fixture, simulator_fixture
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.waiting import wait_until

ROOM = 96 << 20
"""Bytes of a disk on which a store of a few megabytes is not in want of room."""
UNPRIVILEGED = (
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
)
"""What makes root a user like others: files of another are closed to it."""

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, and setpriv"
)


simulator = simulator_fixture("module")


ingested = ingested_fixture(documents=22, sections=50)
"""A store of 1,100 chunks, enough for Chroma to have written its index; only to be copied."""


@pytest.fixture
def workspace(tmp_path: Path, ingested: Workspace) -> Workspace:
    """The same knowledge base, over a copy of the store."""
    copy = Workspace(tmp_path)
    copy.use({**ingested.environment, "HOME": str(tmp_path)})
    shutil.copytree(ingested.store, copy.store)
    return copy


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of its own."""
    with small_disk(tmp_path / "disk", size=ROOM) as mounted:
        yield mounted


def run_unprivileged(workspace: Workspace) -> Outcome:
    """A run that other users' files are closed to."""
    ended = subprocess.run(
        [*UNPRIVILEGED, sys.executable, *SCRIPT, "--json"],
        cwd=workspace.folder,
        env=workspace.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Outcome(ended.returncode, ended.stdout, ended.stderr)


def chroma_of(store: Path) -> dict[str, int]:
    """Chroma's files with their inodes: what is moved, or made anew, has another path or number."""
    return {
        str(path.relative_to(store)): path.stat().st_ino
        for path in store.rglob("*")
        if not path.name.startswith("waypoint")
    }


def assert_refused(outcome: Outcome, *words: str) -> None:
    """It could not go on, and says why and what helps; it is no bug of its own."""
    assert outcome.code == 3, outcome.stderr
    assert "hint: " in outcome.stderr
    assert "unexpected" not in outcome.stderr
    for word in words:
        assert word in outcome.stderr


def assert_whole(workspace: Workspace) -> None:
    """Nothing is missing, nothing was embedded again."""
    report = workspace.report_of()
    assert report["texts_embedded"] == 0
    assert report["notices"] == []
    holds = read_embedded(
        Path(workspace.environment.get("CHROMA_PERSIST_PATH", workspace.store)), workspace.folder
    )
    assert_holds(holds, chunks_of(Path(workspace.environment["KNOWLEDGE_BASE_PATH"])))


def test_a_full_disk_beneath_the_logs_is_no_damage(workspace: Workspace, disk: SmallDisk) -> None:
    """The private server's own log is the first that cannot be written; the run goes on."""
    workspace.use({"LOG_DIR": str(disk.folder)})
    disk.leave(0)
    before = chroma_of(workspace.store)
    report = workspace.report_of()
    assert chroma_of(workspace.store) == before
    assert report["texts_embedded"] == 0
    assert sum("No space left" in notice for notice in report["notices"]) >= 2


def test_a_full_disk_beneath_the_store_is_no_damage(workspace: Workspace, disk: SmallDisk) -> None:
    """It is told as what it is; with room again all is as before."""
    shutil.copytree(workspace.store, store := disk.folder / "store")
    workspace.use({"CHROMA_PERSIST_PATH": str(store)})
    disk.leave(0)
    before = chroma_of(store)
    assert_refused(workspace.run(), "disk is full", str(store))
    assert chroma_of(store) == before
    disk.leave(ROOM)
    assert_whole(workspace)


@pytest.mark.slow
@pytest.mark.parametrize("left", [0, 300_000, 2_000_000, 4_000_000])
def test_a_disk_that_fills_in_mid_run_is_no_damage(
    workspace: Workspace, disk: SmallDisk, left: int
) -> None:
    """Also where Chroma meets its end in the middle of an index."""
    shutil.copytree(workspace.store, store := disk.folder / "store")
    knowledge_base = workspace.folder / "more"
    shutil.copytree(workspace.environment["KNOWLEDGE_BASE_PATH"], knowledge_base)
    workspace.use({"CHROMA_PERSIST_PATH": str(store), "KNOWLEDGE_BASE_PATH": str(knowledge_base)})
    assert workspace.run("--root-moved").code == 0
    write_corpus(knowledge_base / "new", documents=22, sections=50, seed=5)
    disk.leave(left)
    for _ in range(2):
        assert_refused(workspace.run(), "disk is full", str(store))
        assert not list(store.glob("quarantine-*"))
    disk.leave(ROOM)
    assert workspace.run().code == 0
    assert not list(store.glob("quarantine-*"))
    assert_whole(workspace)


def header(store: Path) -> Path:
    return next(store.glob("*/header.bin"))


def index(store: Path) -> Path:
    """Chroma takes one that it may not read for an empty one, without a word."""
    return header(store).parent


def database(store: Path) -> Path:
    return store / "chroma.sqlite3"


@needs_root
@pytest.mark.parametrize("closed", [header, index, pytest.param(database, marks=pytest.mark.slow)])
def test_files_of_another_user_are_no_damage(
    workspace: Workspace, closed: Callable[[Path], Path]
) -> None:
    """The one that is closed is named, with the way to open it."""
    path = closed(workspace.store)
    path.chmod(0o700 if path.is_dir() else 0o600)
    os.chown(path, 65534, 65534)
    before = chroma_of(workspace.store)
    assert_refused(run_unprivileged(workspace), path.name, "nobody", "chown")
    assert chroma_of(workspace.store) == before
    os.chown(path, 0, 0)
    assert_whole(workspace)


def ledger(store: Path) -> Path:
    return store / "waypoint.sqlite3"


def lock(store: Path) -> Path:
    return store / "waypoint.lock"


@needs_root
@pytest.mark.slow
@pytest.mark.parametrize("closed", [ledger, lock, index, database])
def test_immutable_files_are_no_damage(
    workspace: Workspace, closed: Callable[[Path], Path]
) -> None:
    """Not even root may write them: to own them would not help."""
    path = closed(workspace.store)
    before = chroma_of(workspace.store)
    if subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode:
        pytest.skip("the file system has no immutable files")
    try:
        assert_refused(workspace.run(), path.name, "immutable", f"chattr -i chroma_db/{path.name}")
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
    assert chroma_of(workspace.store) == before
    assert_whole(workspace)


@pytest.mark.slow
def test_a_database_that_another_program_has_locked_is_no_damage(workspace: Workspace) -> None:
    """Nor is a link to nothing in its place, as where a disk is not mounted."""
    path = database(workspace.store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert_refused(workspace.run(), "chroma.sqlite3 is locked by another program", "fuser")
    path.rename(away := workspace.folder / "away")
    path.symlink_to("nowhere")
    assert_refused(workspace.run(), "chroma.sqlite3 is a symbolic link to nothing")
    away.rename(path)
    assert_whole(workspace)


@pytest.mark.slow
def test_a_read_only_disk_is_no_damage(workspace: Workspace, disk: SmallDisk) -> None:
    """Whatever Chroma says of it."""
    shutil.copytree(workspace.store, store := disk.folder / "store")
    workspace.use({"CHROMA_PERSIST_PATH": str(store)})
    before = chroma_of(store)
    subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
    assert_refused(workspace.run(), "store", "ead-only file system")
    assert chroma_of(store) == before
    subprocess.run(["mount", "-o", "remount,rw", str(disk.folder)], check=True)
    assert_whole(workspace)


@pytest.mark.slow
def test_few_file_handles_are_no_damage(workspace: Workspace) -> None:
    """With too few of them Chroma takes an index for one that cannot be loaded."""
    before = chroma_of(workspace.store)
    limited = ("-c", "import os, resource, sys\nresource.setrlimit(resource.RLIMIT_NOFILE, "
               "(40, 40))\nos.execv(sys.executable, [sys.executable, *sys.argv[1:]])",
               *SCRIPT)  # fmt: skip
    assert_refused(workspace.run(entry=limited), "files")
    assert chroma_of(workspace.store) == before
    assert_whole(workspace)


def has_answered(simulator: BackgroundSimulator, texts: int) -> bool:
    return simulator.stats().texts_answered >= texts


def test_a_server_that_is_killed_twice_has_no_damage(tmp_path: Path) -> None:
    """Somebody, or the kernel for want of memory, ends it: its files are as good as before."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=10, sections=10)
    with background_simulator(latency_ms=100) as slow:
        workspace.use({**slow.environment, "BATCH_SIZE": "2", "CONCURRENCY": "2"})
        with workspace.start() as run:
            for goal in (10, 30):
                wait_until(partial(has_answered, slow, goal))
                for child in run.children():
                    child.send_signal(signal.SIGKILL)
            outcome = run.wait()
        assert_refused(outcome, "killed by SIGKILL")
        slow.configure(latency_ms=0)
        assert not list(workspace.store.glob("quarantine-*"))
        assert workspace.run().code == 0
    assert not list(workspace.store.glob("quarantine-*"))
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )


def test_a_move_is_of_all_files_or_of_none(workspace: Workspace) -> None:
    """The database is broken, and the index, a mount of its own, can't be moved; nor by a link."""
    database(workspace.store).write_bytes(b"\0" * 5_000)
    with small_disk(index(workspace.store), size=1 << 20):
        before = chroma_of(workspace.store)
        outcome = workspace.run()
        assert_refused(outcome, "nothing was moved", "busy")
        assert chroma_of(workspace.store) == before
        # Told before it is done, with what would go along, which only the ledger knows.
        assert outcome.stderr.index(SIMULATED) < outcome.stderr.index("nothing was moved")
        assert "from the ledger" in outcome.stderr
