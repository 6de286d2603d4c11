"""The clock of the machine is set while a run goes on; its monotonic clock goes on as it did."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import RunningCommand, Workspace
from tests.support.corpus import write_corpus
from tests.support.waiting import wait_until

OPTIONS = ("--json", "--concurrency", "2", "--batch-size", "4")
ALONE = (
    "-c",
    "import os; del os.environ['LD_PRELOAD']; from waypoint.cli import main; "
    "import sys; main(['ingest', *sys.argv[1:]])",
)
"""The worker's clock alone: with libfaketime beneath it, Chroma's ``time.sleep`` may fail."""
LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)

pytestmark = pytest.mark.skipif(
    LIBRARY is None, reason="needs libfaketime: apt-get install faketime"
)


@pytest.mark.slow
@pytest.mark.parametrize("jumps", [("+40h", "-40h"), ("-400d", "+400d", "+0")])
def test_a_clock_that_jumps_costs_nothing(tmp_path: Path, jumps: tuple[str, ...]) -> None:
    """The run ends whole, no text is sent twice, the days' use is all of it, the log is in order,
    and no file counts as changed afterwards."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=6, sections=24)
    clock = tmp_path / "clock"
    clock.write_text("+0")
    chunks = chunks_of(workspace.knowledge_base)
    with background_simulator(latency_ms=500) as simulator:
        workspace.use(simulator.environment)
        workspace.use(
            {
                "LD_PRELOAD": str(LIBRARY),
                "FAKETIME_TIMESTAMP_FILE": str(clock),
                "FAKETIME_CACHE_DURATION": "1",
                "DONT_FAKE_MONOTONIC": "1",
                "LOG_LEVEL": "DEBUG",
                "QUOTA_RPD": "1000",
            }
        )
        with workspace.start(*OPTIONS, entry=ALONE) as run:
            for number, jump in enumerate(jumps, start=1):
                _await_answers(simulator, run, 24 * number)
                clock.write_text(jump)
            outcome = run.wait()
        assert outcome.code == 0, outcome.stderr
        assert 0 < outcome.report["seconds"] < 120
        del workspace.environment["LD_PRELOAD"]
        again = workspace.report_of(*OPTIONS)
        assert set(simulator.answers().values()) == {1}
    assert (again["texts_embedded"], again["documents"]["unchanged"]) == (0, 6)
    with closing(sqlite3.connect(workspace.store / "waypoint.sqlite3")) as db:
        used = db.execute("SELECT sum(texts) FROM usage").fetchone()[0]
    assert used == len(chunks) == 144
    log = (workspace.logs / "waypoint.jsonl").read_bytes()
    events = [orjson.loads(line) for line in log.splitlines()]
    assert len({event["time"][:10] for event in events}) > 1, "no jump was seen"
    assert all(event.get(name, 0) >= 0 for event in events for name in ("seconds", "wait"))
    assert_holds(read_embedded(workspace.store, workspace.logs), chunks)


def _await_answers(simulator: BackgroundSimulator, run: RunningCommand, goal: int) -> None:
    wait_until(lambda: not run.alive or simulator.stats().texts_answered >= goal)
    assert run.alive, run.stderr
