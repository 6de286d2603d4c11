"""A store and a ledger that an earlier version made: schema 8 of the ledger, six documents."""

from __future__ import annotations

import tarfile
from pathlib import Path

from tests.support.command import Workspace

MADE_EARLIER = Path(__file__).parents[1] / "fixtures" / "earlier_store.tar.gz"
"""Made by ``ingest.py kb --simulate``; the folder's path in it is none that exists."""


def test_a_run_over_an_earlier_store_costs_no_call(tmp_path: Path) -> None:
    """The ledger is migrated, the folder is at another place, and everything is known."""
    workspace = Workspace(tmp_path)
    with tarfile.open(MADE_EARLIER) as packed:
        packed.extractall(tmp_path, filter="data")
    moved = workspace.report_of("--simulate", "--root-moved")
    assert moved["calls"]["started"] == 0
    assert (moved["documents"]["ingested"], moved["documents"]["removed"]) == (0, 0)
    assert moved["documents"]["unchanged"] == 6
    document = workspace.knowledge_base / "canary.md"
    document.write_text(document.read_text().replace("small", "smaller"))
    assert workspace.report_of("--simulate")["calls"]["started"] == 1
