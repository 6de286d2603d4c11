"""What a benchmark came to: frozen, and the same as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from waypoint.benchmark.ceiling import BareRun
from waypoint.benchmark.machine import Machine
from waypoint.benchmark.runs import RunResult
from waypoint.sanitize import json_bytes

SCHEMA = 2
"""Of the JSON; raised when a field changes its meaning."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure of several rounds."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:,.0f}"


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of concurrency and batch size, and its rounds."""

    concurrency: int
    batch: int
    rounds: Sequence[RunResult]
    service_ceiling: float | None
    """Texts a second that the service would allow; None if that is not bounded."""

    def of(self, figure: Callable[[RunResult], float]) -> Spread:
        """A figure over the rounds."""
        return spread([figure(each) for each in self.rounds])

    @property
    def texts_per_second(self) -> Spread:
        return self.of(lambda run: run.texts_per_second)

    def ceiling(self, chroma: float | None) -> float | None:
        """The lower of what the service and bare Chroma allow; None if neither is known."""
        known = [limit for limit in (self.service_ceiling, chroma) if limit]
        return min(known) if known else None


@dataclass(frozen=True, slots=True)
class ScaleRound:
    """A corpus ingested into an empty store."""

    run: RunResult
    again: RunResult
    """The same command once more: nothing has changed."""


@dataclass(frozen=True, slots=True)
class ScaleCell:
    """A corpus of one size in one kind of store, and its rounds."""

    chunks: int
    store: str
    """``embedded`` or ``server``."""
    rounds: Sequence[ScaleRound]

    def of(self, figure: Callable[[RunResult], float]) -> Spread:
        """A figure of the first runs, over the rounds."""
        return spread([figure(each.run) for each in self.rounds])

    def of_again(self, figure: Callable[[RunResult], float]) -> Spread:
        """Likewise of the runs that had nothing to do."""
        return spread([figure(each.again) for each in self.rounds])


@dataclass(frozen=True, slots=True)
class Results:
    """A whole benchmark."""

    started: str
    machine: Machine
    settings: Mapping[str, Any]
    cells: Sequence[Cell] = ()
    chroma_alone: Sequence[BareRun] = ()
    chroma_beside: Sequence[BareRun] = ()
    """Beside as many calls as a run of the last cell makes."""
    scale: Sequence[ScaleCell] = ()
    notices: Sequence[str] = field(default=())

    @property
    def chroma_rate(self) -> float | None:
        """Rows a second that bare Chroma takes, alone; the median."""
        return _rate(self.chroma_alone)

    @property
    def chroma_beside_rate(self) -> float | None:
        """Likewise, beside the load of calls."""
        return _rate(self.chroma_beside)

    @property
    def best(self) -> Cell | None:
        """The cell with the most texts a second."""
        return max(self.cells, key=lambda cell: cell.texts_per_second.median, default=None)

    def headline(self) -> list[str]:
        """In words: the ratio of Waypoint to what bounds it, or of large corpora to small ones."""
        return self._of_the_sweep() + self._of_scale()

    def _of_the_sweep(self) -> list[str]:
        best = self.best
        if best is None:
            return []
        rate = best.texts_per_second.median
        lines = [
            f"best: {rate:,.0f} texts/s at concurrency {best.concurrency}, batch {best.batch} "
            f"({best.rounds[0].bound_by})"
        ]
        ceiling = best.ceiling(self.chroma_rate)
        if ceiling:
            what = "the service" if ceiling == best.service_ceiling else "bare Chroma"
            lines.append(f"{rate / ceiling:.0%} of the ceiling, {ceiling:,.0f} texts/s ({what})")
        wall = best.of(lambda run: run.wall).median
        for name, runs in (("alone", self.chroma_alone), ("beside", self.chroma_beside)):
            if runs:
                bare = spread([each.seconds for each in runs]).median
                lines.append(
                    f"wall time {wall:.1f} s, {wall / bare:.2f} times that of bare Chroma {name} "
                    f"({bare:.1f} s)"
                )
        return lines

    def _of_scale(self) -> list[str]:
        lines = []
        for store in dict.fromkeys(cell.store for cell in self.scale):
            cells = sorted(
                (cell for cell in self.scale if cell.store == store), key=lambda cell: cell.chunks
            )
            least, most = cells[0], cells[-1]
            memory = [each.of(lambda run: run.peak_memory / 1e6).median for each in (least, most)]
            again = [each.of_again(lambda run: run.wall).median for each in (least, most)]
            lines.append(
                f"{store}: from {least.chunks:,} to {most.chunks:,} chunks, the worker's memory is "
                f"{memory[1] / memory[0]:.2f} times as much ({memory[0]:,.0f} and "
                f"{memory[1]:,.0f} MB), a run with nothing to do takes {again[1] / again[0]:.1f} "
                f"times as long ({again[0]:.2f} and {again[1]:.2f} s)"
            )
        return lines

    def to_json(self) -> bytes:
        document = {
            "schema": SCHEMA,
            **asdict(self),
            "headline": self.headline(),
            "chroma_rows_per_second": self.chroma_rate,
            "chroma_beside_rows_per_second": self.chroma_beside_rate,
        }
        return json_bytes(document, indent=True)

    def write(self, path: Path) -> None:
        path.write_bytes(self.to_json())


def _rate(runs: Sequence[BareRun]) -> float | None:
    return statistics.median(each.rows_per_second for each in runs) if runs else None
