"""Dates of any year, chains of links, folders deeper than a path may be, few open files."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import SCRIPT, Workspace
from tests.support.corpus import write_corpus

YEARS = {
    "year-1600.md": -11_676_096_000,
    "year-1677.md": -(2**63) // 10**9 - 1,
    "year-2300.md": 10_413_792_000,
    "year-300000.md": 9_404_000_000_000,
    "before-1970.html": -20_000_000_000,
    "after-2262.csv": 20_000_000_000,
}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """On a file system in memory, which holds any date, if there is one."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield Workspace(tmp_path)
        return
    folder = Path(tempfile.mkdtemp(dir=memory))
    try:
        yield Workspace(folder)
    finally:
        shutil.rmtree(folder)


def test_dates_of_any_year_are_dates(workspace: Workspace) -> None:
    """Read, known to be unchanged, and seen when they are edited."""
    for name, seconds in YEARS.items():
        path = workspace.knowledge_base / name
        path.write_text(f"The report of {name}.")
        os.utime(path, (seconds, seconds))
    first = workspace.report_of("--simulate")
    assert first["documents"]["ingested"] == len(YEARS)
    again = workspace.report_of("--simulate")
    assert again["documents"]["unchanged"] == len(YEARS)
    edited = workspace.knowledge_base / "year-1600.md"
    edited.write_text("Another report of that year.")
    os.utime(edited, (-11_676_096_001, -11_676_096_001))
    assert workspace.report_of("--simulate")["documents"]["ingested"] == 1


def test_links_in_chains_and_circles_are_named(workspace: Workspace) -> None:
    """However many there are; and where Waypoint is to write, they are refused."""
    folder = workspace.knowledge_base
    (folder / "a.md").write_text("The only document.")
    for number in range(1_500):
        (folder / f"link-{number:04}.md").symlink_to(f"link-{number + 1:04}.md")
    (folder / "link-1500.md").symlink_to("a.md")
    (folder / "circle.md").symlink_to("circle.md")
    report = workspace.report_of("--simulate")
    assert report["documents"]["ingested"] == 1
    odd = {"KNOWLEDGE_BASE_PATH": "link-0000.md", "LOG_DIR": "circle.md/x"}
    for name, value in (odd | {"CHROMA_PERSIST_PATH": "x" * 300}).items():
        workspace.environment[name] = str(folder / value)
        refused = workspace.run("--simulate")
        assert refused.code == 2, refused.stderr
        assert name in refused.stderr
        workspace.environment[name] = str({"KNOWLEDGE_BASE_PATH": folder}.get(name, folder / "x"))


def test_folders_deeper_than_a_path_may_be_are_rejected_by_name(workspace: Workspace) -> None:
    """What can be reached is ingested."""
    here = os.open(workspace.knowledge_base, os.O_RDONLY)
    (workspace.knowledge_base / "a.md").write_text("The only document that can be reached.")
    name = "d" * 100
    for _ in range(60):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("deep.md", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    report = workspace.report_of("--simulate", code=1)
    assert report["documents"]["ingested"] == 1
    assert len(report["rejects"]) == 1
    assert "File name too long" in report["rejects"][0]["reason"]


@pytest.mark.parametrize(("allowed", "opened"), [(16, 0), (64, 0), (64, 40)])
def test_few_open_files_are_told(tmp_path: Path, allowed: int, opened: int) -> None:
    """Enough of them, or exit code 3 with the hint; nothing is rejected for it."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=2, sections=1)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
        for descriptor in range(3, 3 + min(opened, allowed - 12)):
            os.dup2(0, descriptor)

    ended = subprocess.run(
        [sys.executable, *SCRIPT, "--simulate", "--json"],
        cwd=workspace.folder,
        env=workspace.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        close_fds=False,
        preexec_fn=limit,
    )
    if allowed == 64 and not opened:
        assert ended.returncode == 0, ended.stderr
        return
    assert ended.returncode == 3, ended.stderr
    assert "ulimit" in ended.stderr
    assert "rejected list" not in ended.stderr
