"""The sweep: concurrency by batch size, in rounds of alternating order, beside the ceilings."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from waypoint.benchmark.ceiling import BareChroma, BareRun, service_ceiling
from waypoint.benchmark.processes import Simulating, SimulatorProcess
from waypoint.benchmark.results import Cell
from waypoint.benchmark.runs import RunResult, RunSpec, ingest_options, measure, quantile

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Service:
    """Who is called: a simulator of our own, or the real service."""

    variables: Mapping[str, str]
    """Key, address and quota for the measured program."""
    simulator: SimulatorProcess | None
    simulating: Simulating | None
    collection: str
    """Where the program puts vectors of this service."""
    model: str
    rpm: int = 0
    tpm: int = 0
    """As far as they are known; 0 for no limit, or for one that the program has to find."""


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """What is varied, and how often."""

    concurrency: tuple[int, ...]
    batch: tuple[int, ...]
    rounds: int
    chunk_size: int
    bare: bool
    """Whether to measure bare Chroma as well."""
    beside: bool
    """And also while as many calls are made as by a run."""

    @property
    def cells(self) -> list[tuple[int, int]]:
        return list(product(self.concurrency, self.batch))

    @property
    def runs(self) -> int:
        """Times the corpus is ingested, the first, uncounted run included."""
        return self.rounds * len(self.cells) + 1


@dataclass(frozen=True, slots=True)
class SweepResult:
    cells: list[Cell]
    alone: list[BareRun]
    beside: list[BareRun]


class Sweep:
    """Measures cell by cell. Each round goes through them in the other direction, so that a
    machine that slows down or speeds up favours nobody."""

    def __init__(
        self, service: Service, settings: SweepSettings, corpus: Path, folder: Path, tell: Tell
    ) -> None:
        self._service = service
        self._settings = settings
        self._corpus = corpus
        self._folder = folder
        self._tell = tell
        self._bare = BareChroma(folder)
        self._alone: list[BareRun] = []
        self._beside: list[BareRun] = []

    def run(self) -> SweepResult:
        """Measure everything.

        Raises:
            RunFailedError: a run did not end well.
        """
        settings = self._settings
        measured: dict[tuple[int, int], list[RunResult]] = {cell: [] for cell in settings.cells}
        self._tell("warming up, uncounted")
        self._measure(*settings.cells[-1], take_rows=settings.bare)
        for number in range(settings.rounds):
            order = settings.cells[:: -1 if number % 2 else 1]
            steps: list[Callable[[], None]] = [
                lambda cell=cell: measured[cell].append(self._measure(*cell))  # type: ignore[misc]
                for cell in order
            ]
            if settings.bare:
                # In the middle of what it is compared with.
                steps.insert(len(steps) // 2, self._measure_bare)
            for step in steps:
                step()
            self._tell(f"round {number + 1} of {settings.rounds} done")
        cells = [Cell(*cell, runs, self._ceiling(*cell, runs)) for cell, runs in measured.items()]
        return SweepResult(cells, self._alone, self._beside)

    def _measure(self, concurrency: int, batch: int, *, take_rows: bool = False) -> RunResult:
        folder = self._folder / "run"
        shutil.rmtree(folder, ignore_errors=True)
        if self._service.simulator is not None:
            self._service.simulator.reset()
        options = ingest_options(
            concurrency=concurrency, batch=batch, chunk_size=self._settings.chunk_size
        )
        result = measure(RunSpec(self._corpus, folder, options, self._service.variables))
        self._tell(
            f"concurrency {concurrency}, batch {batch}: {result.texts:,} texts in "
            f"{result.wall:.1f} s, {result.texts_per_second:,.0f} texts/s"
        )
        if take_rows:
            self._bare.take(folder / "store", self._service.collection)
        shutil.rmtree(folder)
        return result

    def _measure_bare(self) -> None:
        self._alone.append(self._bare.measure())
        self._tell(f"bare Chroma alone: {self._alone[-1].rows_per_second:,.0f} rows/s")
        simulator = self._service.simulator
        if self._settings.beside and simulator is not None:
            concurrency, batch = self._settings.cells[-1]
            simulator.reset()
            run = self._bare.measure(
                beside=simulator, model=self._service.model, concurrency=concurrency, batch=batch
            )
            self._beside.append(run)
            self._tell(f"bare Chroma beside {run.calls} calls: {run.rows_per_second:,.0f} rows/s")

    def _ceiling(self, concurrency: int, batch: int, runs: Sequence[RunResult]) -> float | None:
        service = self._service
        seconds = quantile([run.latency["p50"] for run in runs], 0.5)
        texts_a_call = quantile([run.texts / run.calls for run in runs if run.calls], 0.5)
        if service.simulating is not None and service.simulating.seconds_of(batch):
            # What it was told to take; a simulator without latency is as fast as it can.
            seconds, texts_a_call = service.simulating.seconds_of(batch), batch
        ceiling = service_ceiling(
            calls_at_once=concurrency,
            texts_a_call=texts_a_call,
            call_seconds=seconds,
            rpm=service.rpm,
            tpm=service.tpm,
            tokens_a_text=quantile([run.tokens / run.texts for run in runs if run.texts], 0.5),
        )
        return ceiling if ceiling < float("inf") else None
