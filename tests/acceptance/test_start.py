"""What is loaded when: the start is what a person waits for each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.command import PROJECT, Workspace
from tests.support.corpus import write_corpus

HEAVY = (
    "aiohttp", "anyio", "chromadb", "chromadb_rust_bindings", "google.genai", "httpx", "httpx2",
    "matplotlib", "numpy", "psutil", "semantic_text_splitter", "sqlite3", "tenacity",
)  # fmt: skip
"""None of these is needed to read a command line."""

OF_A_RUN = ("aiohttp", "chromadb", "google.genai", "httpx", "matplotlib", "psutil")
"""None of these is needed to find out that nothing has changed."""


def loaded_by(program: str, watched: tuple[str, ...]) -> list[str]:
    """Those of the modules that a program has loaded at its end."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules, file=sys.stderr)"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    modules = set(ended.stderr.split())
    assert "waypoint" in modules
    return [name for name in watched if name in modules]


def test_the_package_loads_nothing() -> None:
    """``import waypoint`` is the version, and nothing else."""
    assert loaded_by("import waypoint", (*HEAVY, "typer", "pydantic", "rich", "orjson")) == []


@pytest.mark.parametrize("arguments", [["--help"], ["ingest", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """What a command needs is loaded when it runs."""
    program = f"""
from waypoint.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    assert end.code == 0
"""
    assert loaded_by(program, HEAVY) == []


def test_an_ingestion_does_not_load_the_sdks_before_it_needs_them() -> None:
    """chromadb and google-genai, at 0.7 s each, wait for the first write and the first call."""
    program = "import waypoint.cli.ingestion, waypoint.ingestion.run"
    assert loaded_by(program, OF_A_RUN) == []


def test_a_run_with_nothing_to_do_does_not_load_the_sdks(tmp_path: Path) -> None:
    """Nor where a server of one's own has to be asked what it is."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=1, sections=1)
    program = """
import sys
from waypoint.cli import main
try:
    main(["ingest"])
finally:
    print("loaded:", *sys.modules)
"""
    with background_simulator() as simulator:
        workspace.use(simulator.environment)
        assert "google.genai" in workspace.run(program, entry=("-c",)).stdout.split()
        again = workspace.run(program, entry=("-c",))
    assert again.code == 0
    loaded = again.stdout.split()
    assert "waypoint.ingestion.run" in loaded
    assert [name for name in OF_A_RUN if name in loaded] == []
