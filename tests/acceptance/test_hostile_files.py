"""Files that harm their parser cost themselves and nothing else."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path

from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.hostile_ingest import ENTRY
from tests.support.waiting import wait_until


def test_the_run_outlives_its_parsers(tmp_path: Path) -> None:
    """Crash, exit, endless loop, too much memory: each a reject with its reason."""
    workspace = Workspace(tmp_path)
    workspace.use({"PARSE_TIMEOUT": "10", "PARSE_MEMORY": str(400 * 2**20)})
    base = workspace.knowledge_base
    write_corpus(base, documents=3, sections=2)
    (base / "page.html").write_text("<h1>Title</h1><p>What the page says, at some length.</p>")
    good = chunks_of(base)
    hostile = {
        "a.bad": ("segfault", "its parser was killed by SIGSEGV"),
        "b.bad": ("exit 7", "its parser ended with status 7"),
        "c.bad": ("backtrack", "its parser did not finish within 10 s"),
        "d.bad": (f"eat {600 * 2**20}", "its parser needs more than 400 MiB of memory"),
    }
    for name, (text, _) in hostile.items():
        (base / name).write_text(text)
    outcome = workspace.run("--simulate", "--json", entry=ENTRY)
    assert outcome.code == 1, outcome.stderr
    report = outcome.report
    rejects = {reject["source"]: reject["reason"] for reject in report["rejects"]}
    assert rejects == {name: reason for name, (_, reason) in hostile.items()}
    assert (report["documents"]["ingested"], report["standing_rejects"]) == (4, 4)
    assert_holds(read_embedded(workspace.store, workspace.logs), good)

    dry = workspace.run("--simulate", "--dry-run", "--json", entry=ENTRY)
    assert dry.report["rejected"] == 4
    assert dry.report["texts_embedded_before"] == len(good)


def test_a_kill_leaves_no_parser_behind(tmp_path: Path) -> None:
    """Nor does an interruption while one is at work: it is ended, and the run drains."""
    workspace = Workspace(tmp_path)
    workspace.use({"PARSE_TIMEOUT": "600"})
    (workspace.knowledge_base / "a.bad").write_text("sleep")
    for number, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        with workspace.start("--simulate", entry=ENTRY) as running:
            wait_until(partial(running.has_child, "worker_main"))
            running.signal(number)
            assert running.wait().code == code
            assert running.orphans() == []
