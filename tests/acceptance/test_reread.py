"""A reader that became better: its documents stay as they are until they are to be read anew."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from waypoint.storage.ledger import LEDGER_NAME

NOTICE = "2 documents were made by an earlier version of their reader"


def test_documents_of_an_earlier_reader_are_told_and_read_anew_when_asked(tmp_path: Path) -> None:
    """By summary, report and plan; reading them anew costs nothing where texts are the same."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=3, sections=2)
    for file in workspace.knowledge_base.rglob("*.md"):
        os.utime(file, (1e9, 1e9))
    documents = chunks_of(workspace.knowledge_base)
    assert workspace.report_of("--simulate")["outdated"] == 0
    with closing(sqlite3.connect(workspace.store / LEDGER_NAME)) as ledger, ledger:
        # As an earlier version left them; of one, before readers were noted.
        made = "SELECT min(id) FROM documents UNION SELECT max(id) FROM documents"
        ledger.execute(
            f"UPDATE documents SET reader = iif(id % 2, 'markdown 0', '') WHERE id IN ({made})"
        )

    plan = workspace.run("--simulate", "--dry-run", "--json")
    assert (plan.report["outdated"], plan.report["texts_to_embed"]) == (2, 0)
    assert NOTICE in plan.stderr
    unchanged = workspace.run("--simulate", "--json")
    assert NOTICE in unchanged.stderr
    assert (unchanged.report["outdated"], unchanged.report["documents"]["unchanged"]) == (2, 3)

    report = workspace.report_of("--simulate", "--reread")
    assert (report["documents"]["ingested"], report["documents"]["unchanged"]) == (2, 1)
    assert (report["texts_embedded"], report["outdated"]) == (0, 0)
    assert workspace.report_of("--simulate", "--reread")["documents"]["unchanged"] == 3
    assert_holds(read_embedded(workspace.store, workspace.logs), documents)
