"""``benchmark pace``: how much of a quota is used."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from waypoint.benchmark.output import Output
from waypoint.benchmark.pace import ACCOUNTS, MODES, PaceSettings, pace_charts, pace_grid, run_pace
from waypoint.benchmark.processes import Simulating
from waypoint.cli.benchmark.common import (
    JsonOption,
    LatencyJitterOption,
    LatencyOption,
    LatencyPerTextOption,
    OutOption,
    VerboseOption,
    chosen,
    output_of,
    run_measure,
)
from waypoint.observe.terminal import Terminal


def pace(
    tiers: Annotated[str, typer.Option(help="Simulated accounts, side by side.")] = "free,1,2,3",
    quota: Annotated[str, typer.Option(help="Some of known,unknown,changing.")] = "known",
    minutes: Annotated[float, typer.Option(min=0.1, help="Duration of each run.")] = 6.0,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Calls in flight.")] = 8,
    chunk_size: Annotated[int, typer.Option(min=100, help="Characters of a chunk.")] = 600,
    latency_ms: LatencyOption = 200.0,
    latency_per_text_ms: LatencyPerTextOption = 1.0,
    latency_jitter_ms: LatencyJitterOption = 0.0,
    quota_told: Annotated[
        Literal["limit", "nothing"],
        typer.Option(help="Whether a 429 names the quota and a delay, or neither."),
    ] = "limit",
    option: Annotated[
        list[str] | None,
        typer.Option(help="Another option of ingest, as in --option=--batch-size=50."),
    ] = None,
    out: OutOption = Path("benchmark"),
    json: JsonOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Measure over minutes how much of a quota is used, and how many 429s that takes."""

    def measure(console: Terminal) -> Output:
        settings = PaceSettings(
            chosen(tiers, ACCOUNTS, "--tiers"),
            chosen(quota, MODES, "--quota"),
            minutes,
            concurrency,
            Simulating(latency_ms, latency_per_text_ms, latency_jitter_ms, quota_told=quota_told),
            chunk_size,
            tuple(option or ()),
        )
        with tempfile.TemporaryDirectory(prefix="waypoint-pace-") as work:
            runs = run_pace(settings, Path(work), console.tell)
        return output_of(
            "Waypoint: use of the quota",
            settings,
            pace_grid(runs),
            pace_charts(runs),
            runs=[{**asdict(run), "share": run.share()} for run in runs],
        )

    run_measure(measure, "pace", out, json=json)
