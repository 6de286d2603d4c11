"""Any history of submissions, kills, faults, waits, fallbacks and edits ends in a whole collection.

What the service billed more than once, by its own count, is never more than what was told.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.batch_runs import (
    BATCH,
    QUICK,
    assert_ingested,
    kill_at,
    left_at_service,
    maybe_billed,
    pass_time,
    repeated,
)
from tests.support.command import Workspace
from tests.support.corpus import document_text, write_corpus
from waypoint.simulator import JobFault
from waypoint.simulator.batch.faults import HOLDS
from waypoint.storage.ledger import LEDGER_NAME

STEPS = 8
GATE_STEPS = 2
DOCUMENTS = 6
FAULTS = sorted(set(JobFault) - {JobFault.CREATE_DROPPED})
"""A job that was not made is waited for, two minutes: that has a test of its own."""
ENDINGS = (0, 3, 4)
"""Exit codes of runs over jobs that go wrong."""


class History:
    """Steps drawn from a seed."""

    def __init__(self, workspace: Workspace, simulator: BackgroundSimulator, seed: int) -> None:
        self._draw = random.Random(seed)
        self._workspace = workspace
        self._simulator = simulator
        self.told: list[str] = []

    def step(self) -> None:
        """One of all, at random."""
        draw = self._draw
        if draw.random() < 0.5:
            faults = draw.choices(FAULTS, k=2)
            self.told.append(f"faults {faults}")
            self._simulator.configure(job_fault_script=faults)
        step = draw.choice((self._kill, self._kill, self._run, self._detach, self._edit))
        self.told.append(step.__name__)
        step()

    def _options(self) -> list[str]:
        """At random, with impatience and the way back."""
        options = ["--batch-patience", "0.0003"]
        return options + ["--batch-fallback"] * (self._draw.random() < 0.3)

    def _kill(self) -> None:
        moment = self._draw.choice(sorted(HOLDS))
        self.told.append(moment)
        kill_at(moment, self._workspace, self._simulator, *self._options(), reached=False)
        if (self._workspace.store / LEDGER_NAME).exists():
            # A job that was never made is looked for so long.
            pass_time(self._workspace, 200)

    def _run(self) -> None:
        ended = self._workspace.run(*BATCH, *self._options())
        assert ended.code in ENDINGS, ended.stderr
        assert "a bug in Waypoint" not in ended.stderr

    def _detach(self) -> None:
        ended = self._workspace.run(*BATCH, "--detach", *self._options())
        assert ended.code in ENDINGS, ended.stderr
        assert "a bug in Waypoint" not in ended.stderr

    def _edit(self) -> None:
        """Rewrite a document, add one, or remove one."""
        draw, folder = self._draw, self._workspace.knowledge_base
        path = folder / f"category_0/edited_{draw.randrange(DOCUMENTS)}.md"
        if path.exists() and draw.random() < 0.3:
            path.unlink()
        else:
            path.write_text(document_text(5, seed=10_000 + draw.randrange(1_000_000)))


def go_through(tmp_path: Path, seed: int, steps: int) -> None:
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=DOCUMENTS, sections=20)
    with background_simulator(**QUICK, batch_queue_tokens=6_000) as simulator:
        workspace.use(simulator.environment)
        history = History(workspace, simulator, seed)
        for _ in range(steps):
            history.step()
        simulator.configure(job_fault_script=[], job_hold="")
        for _ in range(2):
            last = workspace.run(*BATCH, "--batch-fallback")
        assert last.code == 0, (history.told, last.stderr)
        assert_ingested(workspace)
        assert repeated(simulator) <= maybe_billed(workspace), history.told
        assert not [name for name in left_at_service(simulator) if "files/" not in name]


@pytest.mark.parametrize("seed", [3])
def test_a_history_of_batch_jobs(tmp_path: Path, seed: int) -> None:
    """A short one, for the gate."""
    go_through(tmp_path, seed, GATE_STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_histories_of_batch_jobs(tmp_path: Path, seed: int) -> None:
    """Longer ones."""
    go_through(tmp_path, 100 + seed, STEPS)
