"""A run that ended in order is not taken for one that was killed, whatever could be noted of it."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.background_simulator import background_simulator
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.fault import Fault
from tests.support.faulty_mount import faulty_mount, needs_fuse

pytestmark = needs_fuse


def ends(workspace: Workspace) -> list[float | None]:
    """When each run ended, by the ledger."""
    with closing(sqlite3.connect(workspace.store / "waypoint.sqlite3")) as ledger:
        rows = ledger.execute("SELECT ended FROM runs ORDER BY started").fetchall()
        assert ledger.execute("SELECT sum(suspect) FROM collections").fetchone() in ((0,), (None,))
    return [ended for (ended,) in rows]


def test_an_end_that_could_not_be_noted_is_no_kill(tmp_path: Path) -> None:
    """The ledger's log is not to be written any more; another command comes before the next run."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=6, sections=10)
    with background_simulator() as simulator, faulty_mount(tmp_path / "disk") as disk:
        workspace.store = disk.folder / "store"
        workspace.use({**simulator.environment, "CHROMA_PERSIST_PATH": str(workspace.store)})
        assert workspace.run("--category=category_0").code == 0
        disk.plan(Fault("ledger log", "write", 12, errno.EIO, "file"))
        outcome = workspace.run()
        disk.plan()
        assert outcome.code == 3, outcome.stderr
        assert "the run's end is not in the ledger" in outcome.stderr
        assert None in ends(workspace)
        assert workspace.run(entry=("-m", "waypoint", "status")).code == 0
        report = workspace.report_of()
        assert not [notice for notice in report["notices"] if "killed" in notice]
        assert None not in ends(workspace)
