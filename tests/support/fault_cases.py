"""Each site where a run changes files with each fault that may befall it, and what came of them."""

from __future__ import annotations

import random
import subprocess
import threading
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import orjson

from tests.support.fault_bench import (
    STARTS,
    FaultBench,
    Site,
    Stack,
    Start,
    fault_bench,
    faults_at,
)

_NOT_MET = "not met"


@dataclass(frozen=True, slots=True)
class FaultCase:
    """A fault, and the run that meets it."""

    site: Site
    name: str
    start: Start

    def __str__(self) -> str:
        target, operation, nth = self.site
        return f"{self.name} at {operation} {nth} of {target}, {self.start}"

    def complaints(self, bench: FaultBench) -> list[str]:
        """What it came to; nothing, if all is as it should be."""
        try:
            return self._tried(bench)
        except subprocess.TimeoutExpired as error:
            return [f"stands still: {error}"]

    def _tried(self, bench: FaultBench) -> list[str]:
        bench.start_over(self.start)
        struck = bench.strike(faults_at(self.site)[self.name])
        if not struck.met[0]:
            return [_NOT_MET]
        complaints = [*struck.complaints(), *bench.complaints_after([struck])]
        if complaints:
            complaints.append(f"exit code {struck.outcome.code}: {struck.outcome.stderr}")
        return complaints


class FaultCases:
    """All of them. A file keeps the sites and each result, if there is one: another time goes on
    from there."""

    def __init__(self, folder: Path, kept: str | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._results: dict[str, list[str]] = {}
        self._path = Path(kept) if kept else folder / "faults.jsonl"
        if not self._path.exists():
            self._note(list(self._sites()))
        first, *results = map(orjson.loads, self._path.read_bytes().splitlines())
        self._found: list[tuple[Site, Start]] = [((*site,), start) for site, start in first]
        self._results |= dict(results)

    def _sites(self) -> Iterator[tuple[Site, Start]]:
        known: set[Stack] = set()
        with fault_bench(self._folder / "sites") as bench:
            for start in STARTS:
                bench.start_over(start)
                yield from ((site, start) for site in bench.sites(known))

    def in_turn(self, draw: random.Random) -> Iterator[FaultCase]:
        """All cases; of each class of files one in turn, and of its operations."""
        cases = [
            FaultCase(site, name, start) for site, start in self._found for name in faults_at(site)
        ]
        draw.shuffle(cases)
        by_operation = _in_turn(cases, [case.site[:2] for case in cases])
        yield from _in_turn(by_operation, [case.site[0] for case in by_operation])

    def try_all(self, cases: Sequence[FaultCase], *, workers: int) -> None:
        """Try those of the cases that have no result yet."""
        left = [case for case in cases if str(case) not in self._results]
        with ExitStack() as stack:
            benches: SimpleQueue[FaultBench] = SimpleQueue()
            for number in range(workers if left else 0):
                benches.put(stack.enter_context(fault_bench(self._folder / str(number))))

            def tried(case: FaultCase) -> None:
                bench = benches.get()
                try:
                    self._results[str(case)] = case.complaints(bench)
                    self._note([str(case), self._results[str(case)]])
                finally:
                    benches.put(bench)

            list(stack.enter_context(ThreadPoolExecutor(workers)).map(tried, left))

    def _note(self, result: object) -> None:
        with self._lock, self._path.open("ab") as file:
            file.write(orjson.dumps(result) + b"\n")

    def met(self, cases: Sequence[FaultCase]) -> list[FaultCase]:
        """Those that came true."""
        return [case for case in cases if self._results[str(case)] != [_NOT_MET]]

    def broken(self, cases: Sequence[FaultCase]) -> list[str]:
        """What did not hold."""
        return [
            f"{case}: {self._results[str(case)]}"
            for case in self.met(cases)
            if self._results[str(case)]
        ]

    def figures(self, cases: Sequence[FaultCase]) -> str:
        """What they came to."""
        met = self.met(cases)
        classes = Counter(case.site[0] for case in met)
        return (
            f"{len(self._found)} sites, {len(cases)} faults tried at them: {len(met)} were met, "
            f"{len(met) - len(self.broken(cases))} held; {dict(classes.most_common())}"
        )


def _in_turn(cases: Sequence[FaultCase], groups: Sequence[Hashable]) -> list[FaultCase]:
    """One of each group, then the next of each."""
    before: Counter[Hashable] = Counter()
    turns: dict[int, list[FaultCase]] = defaultdict(list)
    for case, group in zip(cases, groups, strict=True):
        turns[before[group]].append(case)
        before[group] += 1
    return [case for _, turn in sorted(turns.items()) for case in turn]
