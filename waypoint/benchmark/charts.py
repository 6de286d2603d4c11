"""What is to be drawn, whatever it is drawn with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from waypoint.benchmark.results import Cell, Results
from waypoint.benchmark.runs import RunResult

MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over a common axis."""

    name: str
    """As a file is named."""
    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]


def charts_of(results: Results) -> list[Chart]:
    """All charts that a benchmark's figures make, less those with nothing on them."""
    charts = []
    if results.cells:
        charts += [_throughput(results), _latency(results)]
        best = results.best
        assert best is not None
        charts += _over_time(best.rounds[-1])
    if results.scale:
        charts += _scale(results)
    return [chart for chart in charts if any(series.points for series in chart.series)]


def _throughput(results: Results) -> Chart:
    series = []
    for batch, cells in _by_batch(results.cells).items():
        points = [(float(cell.concurrency), cell.texts_per_second.median) for cell in cells]
        series.append(Series(f"batch {batch}", points))
        service = [(float(c.concurrency), c.service_ceiling) for c in cells]
        bounded = [(x, y) for x, y in service if y is not None]
        series.append(Series(f"service, batch {batch}", bounded, dashed=True))
    widest = [float(cell.concurrency) for cell in results.cells]
    for name, rate in (
        ("bare Chroma alone", results.chroma_rate),
        ("bare Chroma beside", results.chroma_beside_rate),
    ):
        if rate is not None:
            series.append(Series(name, [(x, rate) for x in (min(widest), max(widest))], True))
    return Chart("throughput", "Throughput", "calls in flight", "texts/s", series)


def _latency(results: Results) -> Chart:
    series = [
        Series(
            f"{name}, batch {batch}",
            [(float(cell.concurrency), cell.of(_latency_of(name)).median * 1000) for cell in cells],
        )
        for batch, cells in _by_batch(results.cells).items()
        for name in ("p50", "p95", "p99")
    ]
    return Chart("latency", "Latency of a call", "calls in flight", "ms", series)


def _latency_of(name: str) -> Callable[[RunResult], float]:
    return lambda run: run.latency[name]


def _over_time(run: RunResult) -> list[Chart]:
    samples = run.timeline
    names = [stage["name"] for stage in run.stages]
    busy = [Series(name, _shares(samples, name)) for name in names]
    streams = [stream["name"] for stream in samples[-1]["streams"]] if samples else []
    depths = [Series(name, _depths(samples, name)) for name in streams]
    memory = [(each["seconds"], (each["memory"] or 0) / MEGABYTE) for each in samples]
    rates = [
        Series("embedded", _rates(samples, "embed", "items_in")),
        Series("written", _rates(samples, "write", "items_in")),
    ]
    seconds = "seconds"
    return [
        Chart("rate", "Chunks over time", seconds, "chunks/s", rates),
        Chart("stages", "Stages over time", seconds, "busy, % of their time", busy),
        Chart("streams", "Streams over time", seconds, "messages waiting", depths),
        Chart(
            "memory", "Memory of the worker over time", seconds, "MB", [Series("worker", memory)]
        ),
    ]


def _scale(results: Results) -> list[Chart]:
    figures: list[tuple[str, str, str, Callable[[RunResult], float]]] = [
        ("scale-time", "Time by size of the corpus", "seconds", lambda run: run.wall),
        (
            "scale-memory", "Memory by size of the corpus, worker", "MB",
            lambda run: run.peak_memory / MEGABYTE,
        ),
        (
            "scale-store", "Memory by size of the corpus, Chroma", "MB",
            lambda run: run.store_peak_memory / MEGABYTE,
        ),
    ]  # fmt: skip
    stores = list(dict.fromkeys(each.store for each in results.scale))

    def points(store: str, figure: Callable[[RunResult], float]) -> list[tuple[float, float]]:
        cells = [cell for cell in results.scale if cell.store == store]
        return [(cell.chunks, cell.of(figure).median) for cell in cells]

    return [
        Chart(name, title, "chunks", unit, [Series(s, points(s, figure)) for s in stores])
        for name, title, unit, figure in figures
    ]


def _by_batch(cells: Sequence[Cell]) -> dict[int, list[Cell]]:
    batches: dict[int, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: cell.concurrency):
        batches.setdefault(cell.batch, []).append(cell)
    return batches


def _stage(sample: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next((stage for stage in sample["stages"] if stage["name"] == name), None)


def _pairs(
    samples: Sequence[Mapping[str, Any]], name: str
) -> list[tuple[float, float, Mapping[str, Any], Mapping[str, Any]]]:
    """Each sample with the one before: when, how long in between, and the stage's counters."""
    pairs = []
    for before, after in pairwise(samples):
        earlier, later = _stage(before, name), _stage(after, name)
        seconds = after["seconds"] - before["seconds"]
        if earlier is not None and later is not None and seconds > 0:
            pairs.append((after["seconds"], seconds, earlier, later))
    return pairs


def _shares(samples: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    return [
        (at, 100 * (later["busy"] - earlier["busy"]) / seconds / max(1, later["most_workers"]))
        for at, seconds, earlier, later in _pairs(samples, name)
    ]


def _rates(
    samples: Sequence[Mapping[str, Any]], name: str, counter: str
) -> list[tuple[float, float]]:
    return [
        (at, (later[counter] - earlier[counter]) / seconds)
        for at, seconds, earlier, later in _pairs(samples, name)
    ]


def _depths(samples: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    return [
        (sample["seconds"], float(stream["depth"]))
        for sample in samples
        for stream in sample["streams"]
        if stream["name"] == name
    ]
