"""Every change of a file that a run makes fails once, in every way: nothing is lost by it."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.fault import Fault
from tests.support.fault_bench import Site, fault_bench, faults_at
from tests.support.fault_cases import FaultCases
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
        bench.start_over("a first run")
        struck = []
        for _ in range(3):
            struck.append(bench.strike(*drawn(NEEDED, 1, draw), *drawn(SILENCED, 4, draw)))
            assert not list(struck[-1].complaints()), struck[-1].outcome.stderr
        assert sum(sum(each.met) for each in struck) >= 8
        assert not list(bench.complaints_after(struck))


@pytest.mark.slow
@pytest.mark.timeout(12 * 3_600)
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt-get install strace")
def test_every_fault_at_every_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them (SOAK_FAULTS: so many, drawn by a seed); prints what they came to.

    SOAK_FAULTS_FILE: where each result is kept, so that another time goes on from there.
    """
    found = FaultCases(tmp_path, os.environ.get("SOAK_FAULTS_FILE"))
    cases = list(found.in_turn(random.Random(15)))
    cases = cases[: int(os.environ.get("SOAK_FAULTS", len(cases)))]
    found.try_all(cases, workers=(os.cpu_count() or 1) + 1)
    with capsys.disabled():
        print(f"\n{found.figures(cases)}")
    broken = found.broken(cases)
    assert not broken, "\n".join(broken)
