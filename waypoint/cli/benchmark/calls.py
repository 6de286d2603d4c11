"""``benchmark calls``: what one call costs in CPU time."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from waypoint.benchmark.call_cost import CallSettings, call_grid, run_calls
from waypoint.benchmark.output import Output
from waypoint.cli.benchmark.common import (
    JsonOption,
    OutOption,
    VerboseOption,
    output_of,
    run_measure,
)
from waypoint.observe.terminal import Terminal


def calls(
    calls: Annotated[int, typer.Option(min=1, help="Calls in a round, one after another.")] = 60,
    batch: Annotated[int, typer.Option(min=1, max=100, help="Texts in a call.")] = 100,
    chunk_size: Annotated[int, typer.Option(min=100, help="Characters of a text.")] = 600,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each client.")] = 3,
    out: OutOption = Path("benchmark"),
    json: JsonOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Measure the CPU time of a call, through Waypoint and through the SDK as it comes."""

    def measure(console: Terminal) -> Output:
        settings = CallSettings(calls, batch, chunk_size, rounds)
        costs = run_calls(settings, console.tell)
        return output_of(
            "Waypoint: cost of a call",
            settings,
            call_grid(costs, settings),
            ways=[asdict(cost) for cost in costs],
        )

    run_measure(measure, "calls", out, json=json)
