"""Every change of a file that a run makes fails once, in every way: nothing is lost by it."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.support.fault import Fault
from tests.support.fault_bench import FaultBench, Site, Stack, fault_bench, faults_at
from tests.support.faulty_mount import needs_fuse

pytestmark = needs_fuse

SILENCED: Sequence[Site] = (
    ("log", "write", 2),
    ("samples", "open", 1),
    ("samples", "write", 1),
    ("chroma log", "write", 3),
    ("rejects", "open", 1),
    ("rejects", "rename", 1),
    ("report", "open", 1),
    ("report", "write", 1),
    ("stdout", "write", 1),
)
"""What a run does without; class, operation, and how many of them there are."""
NEEDED: Sequence[Site] = (
    ("ledger log", "write", 90),
    ("ledger log", "fsync", 15),
    ("ledger", "write", 12),
    ("ledger", "fsync", 1),
    ("ballast", "open", 1),
    ("ballast", "fallocate", 1),
    ("temporary", "write", 60),
    ("chroma database", "write", 200),
    ("chroma database", "open", 10),
    ("chroma database", "fsync", 20),
    ("chroma index", "write", 80),
    ("chroma index", "open", 8),
)
"""What a run may end of, but not at its start."""
DISK = ("full disk", "read-only")
"""Faults of all files at once, which leave no room for others."""


def drawn(sites: Sequence[Site], count: int, draw: random.Random) -> Iterator[Fault]:
    """Faults of so many different classes of files."""
    for chosen in draw.sample(sorted({site[0] for site in sites}), count):
        target, operation, most = draw.choice([site for site in sites if site[0] == chosen])
        faults = faults_at((target, operation, draw.randint(1, most)))
        yield faults[draw.choice(sorted(faults.keys() - DISK if count > 1 else faults))]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [4, 6])
def test_runs_that_meet_some_faults_lose_nothing(tmp_path: Path, seed: int) -> None:
    """Three runs with five faults each, one of which it may end of, then one without."""
    draw = random.Random(seed)
    with fault_bench(tmp_path) as bench:
        bench.start_over(changed=False)
        struck = []
        for _ in range(3):
            struck.append(bench.strike(*drawn(NEEDED, 1, draw), *drawn(SILENCED, 4, draw)))
            assert not list(struck[-1].complaints()), struck[-1].outcome.stderr
        assert sum(sum(each.met) for each in struck) >= 8
        assert not list(bench.complaints_after(struck))


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, and the run that meets it."""

    site: Site
    name: str
    changed: bool

    def __str__(self) -> str:
        target, operation, nth = self.site
        run = "a run over an edited folder" if self.changed else "a first run"
        return f"{self.name} at {operation} {nth} of {target}, {run}"

    def held(self, bench: FaultBench) -> list[str] | None:
        """Complaints; None if the fault was not met."""
        bench.start_over(changed=self.changed)
        struck = bench.strike(faults_at(self.site)[self.name])
        if not struck.met[0]:
            return None
        complaints = [*struck.complaints(), *bench.complaints_after([struck])]
        if complaints:
            complaints.append(f"exit code {struck.outcome.code}: {struck.outcome.stderr}")
        return complaints


def all_cases(folder: Path) -> list[Case]:
    """Each site of a first run and of one over an edited folder, each fault."""
    known: set[Stack] = set()
    cases = []
    with fault_bench(folder) as bench:
        for changed in (False, True):
            bench.start_over(changed=changed)
            for site in bench.sites(known):
                cases += [Case(site, name, changed) for name in faults_at(site)]
    return cases


@pytest.mark.slow
@pytest.mark.timeout(12 * 3_600)
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt-get install strace")
def test_every_fault_at_every_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them (SOAK_FAULTS: so many, drawn by a seed); prints what they came to."""
    cases = all_cases(tmp_path / "sites")
    sites = {(case.site, case.changed) for case in cases}
    random.Random(15).shuffle(cases)
    cases = cases[: int(os.environ.get("SOAK_FAULTS", len(cases)))]
    began = time.monotonic()
    with ExitStack() as stack:
        benches: SimpleQueue[FaultBench] = SimpleQueue()
        workers = os.cpu_count() or 1
        for number in range(workers):
            benches.put(stack.enter_context(fault_bench(tmp_path / str(number))))

        def tried(case: Case) -> list[str] | None:
            bench = benches.get()
            try:
                return case.held(bench)
            finally:
                benches.put(bench)

        results = list(stack.enter_context(ThreadPoolExecutor(workers)).map(tried, cases))
    met = Counter(
        case.site[0] for case, found in zip(cases, results, strict=True) if found is not None
    )
    broken = [f"{case}: {found}" for case, found in zip(cases, results, strict=True) if found]
    with capsys.disabled():
        print(
            f"\n{len(sites)} sites, {len(cases)} faults tried at them in "
            f"{(time.monotonic() - began) / 60:.0f} min: {met.total()} were met, "
            f"{met.total() - len(broken)} held; {dict(met.most_common())}"
        )
    assert not broken, "\n".join(broken)
