"""LOG_DIR: what cannot be written there costs what it would say, and nothing in it is followed."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.fixtures import simulator_fixture
from tests.support.small_disk import small_disk
from tests.support.waiting import wait_until

simulator = simulator_fixture("module")


@pytest.fixture
def workspace(tmp_path: Path, simulator: BackgroundSimulator) -> Workspace:
    """Six documents, of which one cannot be read."""
    made = Workspace(tmp_path)
    write_corpus(made.knowledge_base, documents=5, sections=2)
    (made.knowledge_base / "bad.md").write_bytes(b"\x00\xff")
    made.use({**simulator.environment, "STATS_INTERVAL": "0.1"})
    return made


def a_file(logs: Path) -> None:
    logs.write_text("not a folder")


def obstacles(logs: Path) -> None:
    """A pipe that nobody reads in place of the log, folders in place of the others."""
    logs.mkdir()
    os.mkfifo(logs / "waypoint.jsonl")
    (logs / "rejects.jsonl").mkdir()
    (logs / "chroma.log").mkdir()


@pytest.mark.parametrize("hinder", [a_file, obstacles])
def test_what_cannot_be_written_is_told_and_the_run_is_as_ever(
    workspace: Workspace, hinder: Callable[[Path], None]
) -> None:
    """Its exit code is that of the ingestion, its report is on stdout."""
    hinder(workspace.logs)
    report = workspace.report_of(code=1)
    assert report["documents"]["ingested"] == 5
    assert report["standing_rejects"] == 1
    told = "\n".join(report["notices"])
    for words in ("the log could not", "the list of rejects could not", "Chroma printed"):
        assert words in told
    if hinder is a_file:
        for words in ("the samples could not", "the report could not"):
            assert words in told
    assert_holds(read_embedded(workspace.store, workspace.folder), chunks_of(sound(workspace)))


def sound(workspace: Workspace) -> Path:
    """The knowledge base without what cannot be read."""
    (workspace.knowledge_base / "bad.md").unlink()
    return workspace.knowledge_base


def test_a_disk_that_fills_or_turns_read_only_in_mid_run_silences_what_is_on_it(
    workspace: Workspace,
) -> None:
    """And a run that goes on, ends and says so."""
    write_corpus(workspace.knowledge_base, documents=20, sections=10)
    with (
        background_simulator(latency_ms=100) as slow,
        small_disk(workspace.logs, size=4 << 20) as disk,
    ):
        workspace.use({**slow.environment, "BATCH_SIZE": "5", "CONCURRENCY": "2"})
        with workspace.start("--json") as run:
            wait_until(lambda: slow.stats().texts_answered >= 10)
            disk.leave(0)
            wait_until(lambda: slow.stats().texts_answered >= 50)
            subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=False)
            outcome = run.wait()
    assert outcome.code == 1, outcome.stderr
    told = "\n".join(outcome.report["notices"])
    assert "the log could not be written" in told
    assert "the report could not be written" in told
    assert outcome.report["documents"]["ingested"] == 20


NAMES = (
    "waypoint.jsonl",
    "waypoint.jsonl.1",
    "rejects.jsonl",
    "rejects.jsonl.tmp",
    "chroma.log",
)


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_in_a_files_place_is_not_followed(
    workspace: Workspace, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    """What it leads to stays as it is; and nothing that is made is anybody else's to read."""
    workspace.logs.mkdir(mode=0o755)
    targets = []
    for name in NAMES:
        targets.append(tmp_path / f"precious {name}")
        targets[-1].write_text("precious")
        link(workspace.logs / name, targets[-1])
    workspace.use({"LOG_MAX_BYTES": "1000"})
    assert workspace.run().code == 1
    assert {target.read_text() for target in targets} == {"precious"}
    assert stat.S_IMODE(workspace.logs.stat().st_mode) == 0o755
    made = [workspace.store, *workspace.store.rglob("*"), *workspace.logs.glob("r*")]
    for path in made:
        if path.name not in NAMES or path.lstat().st_nlink == 1:
            assert not path.lstat().st_mode & 0o077 or path.is_symlink(), path


def test_files_are_others_to_read_where_that_is_wished(workspace: Workspace) -> None:
    """With PRIVATE_FILES=false the mask of whoever runs it decides."""
    workspace.use({"PRIVATE_FILES": "false"})
    before = os.umask(0o022)
    try:
        assert workspace.run().code == 1
    finally:
        os.umask(before)
    for path in (workspace.store / "waypoint.sqlite3", *workspace.logs.iterdir()):
        if not path.name.startswith("."):
            assert stat.S_IMODE(path.stat().st_mode) == 0o644, path
    assert stat.S_IMODE(workspace.store.stat().st_mode) == 0o755


def test_runs_over_two_stores_that_share_it_keep_their_lists(workspace: Workspace) -> None:
    """With one store the list is as ever; with two it names them; mended ones go."""
    listed = workspace.logs / "rejects.jsonl"

    def rejects() -> list[dict[str, str]]:
        return [orjson.loads(line) for line in listed.read_bytes().splitlines()]

    workspace.report_of(code=1)
    assert [line.keys() - {"hint"} for line in rejects()] == [
        {"collection", "source", "chunk", "reason"}
    ]
    other = Workspace(workspace.folder / "other")
    (other.knowledge_base / "worse.md").write_bytes(b"\x00\xff")
    other.use({**workspace.environment, "LOG_DIR": str(workspace.logs)})
    other.use({"KNOWLEDGE_BASE_PATH": str(other.knowledge_base)})
    other.report_of(code=1)
    assert {(line["store"], line["source"]) for line in rejects()} == {
        (str(workspace.store), "bad.md"),
        (str(other.store), "worse.md"),
    }
    sound(workspace)
    workspace.report_of()
    assert [line["source"] for line in rejects()] == ["worse.md"]
