"""All faults of the service at once, poison, signals and kills: the collection is what a fresh
run makes, every vector belongs to its text, and only what was in flight at a kill is sent twice."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Outcome, Workspace
from tests.support.corpus import write_corpus
from tests.support.poison import POISON, part, poison, rejects_listed
from tests.support.waiting import wait_until
from waypoint.ingestion.canary import CANARY_TEXT
from waypoint.simulator import Fault

CONCURRENCY, BATCH = 6, 5
IN_FLIGHT = CONCURRENCY * BATCH
OPTIONS = (
    "--concurrency", str(CONCURRENCY), "--batch-size", str(BATCH),
    # Above what a busy machine takes for an answer, below what a test may take.
    "--call-timeout", "5",
)  # fmt: skip
FAULTS = dict.fromkeys(Fault, 0.3 / len(Fault))
"""30 % of the calls meet one of them."""


@dataclass
class Chaos:
    """Runs over one corpus, each ended in its own way."""

    workspace: Workspace
    simulator: BackgroundSimulator
    options: tuple[str, ...] = OPTIONS
    kills: int = 0

    def repeated(self) -> int:
        """Answers beyond the first; the canary is sent whenever there is doubt."""
        answers = self.simulator.answers()
        answers.pop(sha256(CANARY_TEXT.encode()).hexdigest(), None)
        return sum(count - 1 for count in answers.values())

    def interrupt(self, number: signal.Signals, texts: int) -> Outcome:
        """Start a run and send it a signal after so many further texts are answered."""
        goal = self.simulator.stats().texts_answered + texts
        with self.workspace.start(*self.options) as running:
            wait_until(lambda: not running.alive or self.simulator.stats().texts_answered >= goal)
            running.signal(number)
            outcome = running.wait()
            assert running.orphans(60) == []
        self.kills += number is signal.SIGKILL
        self.assert_paid_once()
        return outcome

    def assert_paid_once(self) -> None:
        """A drained run leaves nothing in flight; a killed one so much, which is sent again."""
        assert self.repeated() <= self.kills * IN_FLIGHT

    def finish(self) -> None:
        """Run to the end, and compare everything with what it should be."""
        report = self.workspace.report_of(*self.options, code=1)
        self.assert_paid_once()
        assert report["calls"]["retried"] > 0
        good, refused = part(chunks_of(self.workspace.knowledge_base))
        assert_holds(read_embedded(self.workspace.store, self.workspace.logs), good)
        assert {line["chunk"] for line in rejects_listed(self.workspace.logs)} == refused
        assert report["standing_rejects"] == len(refused) > 0
        calls = self.simulator.stats().calls
        again = self.workspace.report_of(*self.options, code=1)
        assert (again["texts_embedded"], self.simulator.stats().calls) == (0, calls)


def test_all_faults_poison_a_stop_and_a_kill(tmp_path: Path) -> None:
    """A run that drains, one that is killed, and one that ends, all of them amid faults."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=12, sections=20)
    poison(base / "category_1" / "document_001.md", 3)
    poison(base / "category_2" / "document_008.md", 10, 11)
    with background_simulator(
        faults=FAULTS, seed=20261123, fault_retry_delay_s=0.2, poison=POISON, latency_ms=100
    ) as simulator:
        workspace.use(simulator.environment)
        chaos = Chaos(workspace, simulator)
        assert chaos.interrupt(signal.SIGTERM, 50).code == 130
        assert chaos.interrupt(signal.SIGKILL, 50).code == -signal.SIGKILL
        chaos.finish()
        assert len(simulator.stats().faults) >= len(Fault) // 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(5))
def test_a_soak_of_chaos(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A larger corpus under a quota, stopped and killed at ten seeded moments."""
    draw = random.Random(seed)
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=40, sections=30, seed=seed)
    for number in draw.sample(range(40), 5):
        poison(base / f"category_{number % 3}" / f"document_{number:03}.md", draw.randrange(30))
    with background_simulator(
        faults=FAULTS, seed=seed, fault_retry_delay_s=0.5, poison=POISON, latency_ms=150,
        rpm=6_000, tpm=1_000_000,
    ) as simulator:  # fmt: skip
        workspace.use(simulator.environment)
        chaos = Chaos(workspace, simulator, (*OPTIONS, "--rpm", "6000", "--tpm", "1000000"))
        ends = []
        for _ in range(10):
            number = draw.choice((signal.SIGTERM, signal.SIGKILL))
            ends.append(chaos.interrupt(number, draw.randrange(100)).code)
        chaos.finish()
        repeated, met = chaos.repeated(), dict(simulator.stats().faults)
    assert set(ends) <= {130, -signal.SIGKILL}
    with capsys.disabled():
        print(
            f"\nseed {seed}: 1,200 chunks, {sum(met.values())} faults of {len(met)} kinds, "
            f"{ends.count(130)} stops, {ends.count(-signal.SIGKILL)} kills: "
            f"{repeated} texts answered twice"
        )
