"""The figures as tables, for a terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from waypoint.benchmark.ceiling import BareRun
from waypoint.benchmark.machine import Machine
from waypoint.benchmark.results import Cell, Results, ScaleCell, Spread
from waypoint.benchmark.runs import RunResult

MB = 1e6


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def for_terminal(self) -> Table:
        table = Table(title=self.title)
        for number, name in enumerate(self.columns):
            table.add_column(name, justify="right" if number else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table


def grids_of(results: Results) -> list[Grid]:
    """All tables of a benchmark, less those without rows."""
    grids = [
        _cells(results),
        _stages(results),
        _bare(results.chroma_alone, results.chroma_beside),
        _scale(results.scale),
    ]
    return [grid for grid in grids if grid.rows]


def machine_line(machine: Machine) -> str:
    """The machine in a line."""
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 1e9:.0f} GB, load "
        f"{machine.load_1m}; {machine.system}; Python {machine.python}; Waypoint "
        f"{machine.waypoint}; {packages}"
    )


def _cells(results: Results) -> Grid:
    columns = (
        "concurrency / batch", "texts/s (least to most)", "of ceiling", "wall s",
        "call p50 / p95 / p99 ms", "CPU ms / 1,000 texts", "peak MB", "loop p99 ms", "429s",
    )  # fmt: skip
    return Grid("Sweep: medians", columns, [_cell(c, results.chroma_rate) for c in results.cells])


def _cell(cell: Cell, chroma: float | None) -> list[str]:
    rate = cell.texts_per_second
    ceiling = cell.ceiling(chroma)
    latency = (cell.of(lambda run, name=name: run.latency[name]).median for name in  # type: ignore[misc]
               ("p50", "p95", "p99"))  # fmt: skip
    return [
        f"{cell.concurrency} / {cell.batch}",
        f"{rate} ({_range(rate)})",
        f"{rate.median / ceiling:.0%}" if ceiling else "-",
        f"{cell.of(lambda run: run.wall).median:.1f}",
        " / ".join(f"{seconds * 1000:,.0f}" for seconds in latency),
        f"{cell.of(lambda run: run.cpu_ms_per_1000)}",
        f"{cell.of(lambda run: run.peak_memory / MB)}",
        f"{cell.of(lambda run: run.loop_delay.get('p99', 0.0) * 1000).median:.1f}",
        f"{cell.of(lambda run: float(run.rate_limited))}",
    ]


def _stages(results: Results) -> Grid:
    columns = ("stage", "busy s", "waiting for input s", "waiting for room s", "doing")
    best = results.best
    rows = _stage_rows(best.rounds[-1]) if best is not None else []
    return Grid("Where the time goes: the best cell, seconds of all its workers", columns, rows)


def _stage_rows(run: RunResult) -> list[list[str]]:
    return [
        [
            stage["name"],
            *(f"{stage[name]:.2f}" for name in ("busy", "waiting_for_input", "waiting_for_room")),
            ", ".join(f"{name} {seconds:.2f}" for name, seconds in stage["doing"].items()),
        ]
        for stage in run.stages
    ]


def _bare(alone: Sequence[BareRun], beside: Sequence[BareRun]) -> Grid:
    columns = (
        "bare Chroma",
        "rows",
        "seconds",
        "rows/s",
        "CPU s of its client and calls",
        "calls beside",
    )
    rows = [
        [
            name, f"{run.rows:,}", f"{run.seconds:.2f}", f"{run.rows_per_second:,.0f}",
            f"{run.client_cpu:.2f}", f"{run.calls:,}",
        ]
        for name, runs in (("alone", alone), ("beside", beside))
        for run in runs
    ]  # fmt: skip
    return Grid("Upserts of ready-made vectors", columns, rows)


def _scale(cells: Sequence[ScaleCell]) -> Grid:
    columns = (
        "chunks / store", "wall s (least to most)", "texts/s", "CPU s", "worker peak MB",
        "store peak MB", "store CPU s", "cost USD", "first call s", "again s (least to most)",
        "again peak MB", "bound by",
    )  # fmt: skip
    return Grid("Scale: medians", columns, [_scale_row(cell) for cell in cells])


def _scale_row(cell: ScaleCell) -> list[str]:
    wall, again = cell.of(lambda run: run.wall), cell.of_again(lambda run: run.wall)
    return [
        f"{cell.chunks:,} / {cell.store}",
        f"{wall.median:.1f} ({wall.least:.1f} to {wall.most:.1f})",
        f"{cell.of(lambda run: run.texts_per_second)}",
        f"{cell.of(lambda run: run.cpu).median:.1f}",
        f"{cell.of(lambda run: run.peak_memory / MB)}",
        f"{cell.of(lambda run: run.store_peak_memory / MB)}",
        f"{cell.of(lambda run: run.store_cpu).median:.1f}",
        f"{cell.of(lambda run: run.cost_usd).median:.4f}",
        f"{cell.of(lambda run: run.first_call).median:.2f}",
        f"{again.median:.2f} ({again.least:.2f} to {again.most:.2f})",
        f"{cell.of_again(lambda run: run.peak_memory / MB)}",
        cell.rounds[-1].run.bound_by,
    ]


def _range(figure: Spread) -> str:
    return f"{figure.least:,.0f} to {figure.most:,.0f}"
