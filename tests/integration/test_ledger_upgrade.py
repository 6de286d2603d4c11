"""A ledger of any earlier version, and a death at each write while it is brought up to date."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator
from tests.support.command import PROJECT, Workspace
from tests.support.corpus import write_corpus
from tests.support.fixtures import simulator_fixture
from tests.support.older_ledger import make_older
from waypoint.storage.ledger import LEDGER_NAME
from waypoint.storage.ledger.schema import SCHEMA_VERSION

CALLS = ("pwrite64", "fdatasync", "ftruncate", "unlink")
OPEN = (
    "import pathlib, sys; from waypoint.storage.ledger.sqlite import SqliteLedger; "
    "SqliteLedger(pathlib.Path(sys.argv[1]))"
)

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="needs strace: apt-get install strace"
)


simulator = simulator_fixture("module")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, simulator: BackgroundSimulator) -> Path:
    """A folder whose documents were ingested."""
    workspace = Workspace(tmp_path_factory.mktemp("done"))
    write_corpus(workspace.knowledge_base, documents=2, sections=2)
    workspace.use(simulator.environment)
    assert workspace.run().code == 0
    return workspace.folder


def put_back(ledger: Path, content: bytes) -> None:
    """Make the ledger this file, without any log."""
    for path in ledger.parent.glob(f"{LEDGER_NAME}*"):
        path.unlink()
    ledger.write_bytes(content)


def death(store: Path, call: str, nth: int) -> bool:
    """Open the ledger, and die at that call on its files; False if it isn't made."""
    files = [store / f"{LEDGER_NAME}{suffix}" for suffix in ("", "-wal", "-journal")]
    ended = subprocess.run(
        ["strace", "-f", "--output=/dev/null", f"--trace={call}",
         *(f"--trace-path={file}" for file in files),
         f"--inject={call}:signal=SIGKILL:when={nth}",
         sys.executable, "-c", OPEN, str(store)],
        cwd=PROJECT, capture_output=True, check=False,
    )  # fmt: skip
    # As the command itself ends, so does strace.
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr.decode()
    return ended.returncode != 0


@pytest.mark.slow
@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_upgrade_may_die_at_each_write(
    tmp_path: Path, done: Path, simulator: BackgroundSimulator, version: int
) -> None:
    """The next start goes on with it, nothing is embedded again, all documents are unchanged."""
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    workspace = Workspace(tmp_path)
    workspace.use(simulator.environment)
    ledger = workspace.store / LEDGER_NAME
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("UPDATE collections SET root = ?", [str(workspace.knowledge_base.resolve())])
        db.commit()
    make_older(ledger, version)
    older = ledger.read_bytes()
    deaths = 0
    for call in CALLS:
        nth = 1
        while True:
            put_back(ledger, older)
            if not death(workspace.store, call, nth):
                break
            deaths, nth = deaths + 1, nth + 1
            with closing(sqlite3.connect(ledger)) as db:
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert version <= db.execute("PRAGMA user_version").fetchone()[0] <= SCHEMA_VERSION
    assert deaths > 5
    put_back(ledger, older)
    assert death(workspace.store, "pwrite64", max(2, deaths // 4))
    report = workspace.report_of()
    assert (report["texts_embedded"], report["documents"]["unchanged"]) == (0, 2)
