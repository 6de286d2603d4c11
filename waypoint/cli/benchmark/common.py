"""What the benchmark's commands share: options, the parsing of lists, how one ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from waypoint.benchmark.charts import Chart
from waypoint.benchmark.machine import this_machine
from waypoint.benchmark.output import Output
from waypoint.benchmark.tables import Grid, machine_line
from waypoint.errors import UsageError
from waypoint.observe.terminal import Terminal, print_bytes
from waypoint.sanitize import json_bytes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_FILE_WIDTH = 160

LatencyOption = Annotated[float, typer.Option(min=0, help="Simulated latency of a call.")]
LatencyPerTextOption = Annotated[float, typer.Option(min=0, help="Added to it for each text.")]
LatencyJitterOption = Annotated[
    float, typer.Option(min=0, help="Added to it at random, up to this.")
]
OutOption = Annotated[
    Path, typer.Option("--out", help="Folder for JSON, the HTML page and PNG files.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show tracebacks of errors.")]


def output_of(
    title: str,
    settings: DataclassInstance,
    grid: Grid,
    charts: Sequence[Chart] = (),
    **figures: Sequence[Mapping[str, object]],
) -> Output:
    """What a measurement of one table comes to; ``figures`` are its rows, for the JSON."""
    machine = this_machine()
    document = {
        "schema": 1,
        "machine": asdict(machine),
        "settings": asdict(settings),
        **figures,
    }
    return Output(
        title, [machine_line(machine)], [grid], list(charts), json_bytes(document, indent=True)
    )


def run_measure(measure: Callable[[Terminal], Output], name: str, out: Path, *, json: bool) -> None:
    """Measure, show and write what came of it."""
    console = Terminal(stderr=True)
    _spare_loopback()
    output = measure(console)
    shown = Terminal(stderr=json)
    # A table in a file need not fit into the 80 columns that a missing terminal counts for.
    output.show(shown if shown.is_terminal else Terminal(stderr=json, width=_FILE_WIDTH))
    output.write(out, name, console)
    if json:
        print_bytes(output.json)


def _spare_loopback() -> None:
    """Add the loopback to NO_PROXY, for the clients of others that are measured beside ours."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))


def parts(text: str) -> list[str]:
    """The parts of a list as an option has it: ``a,b``."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str, option: str, *, most: int | None = None) -> tuple[int, ...]:
    """Whole numbers from 1 on, each once.

    Raises:
        UsageError: it is something else.
    """
    try:
        found = tuple(int(part) for part in parts(text))
    except ValueError:
        found = ()
    if not found or min(found) < 1 or (most is not None and max(found) > most):
        limit = f" up to {most}" if most is not None else ""
        raise UsageError(
            f"{option}: {text!r} is not one or several whole numbers{limit}",
            hint="write them as in 1,2,4",
        )
    return tuple(dict.fromkeys(found))


def chosen(text: str, names: Iterable[str], option: str) -> tuple[str, ...]:
    """Some of the names, each once.

    Raises:
        UsageError: another, or none.
    """
    found = tuple(parts(text))
    if not found or not set(found) <= set(names):
        raise UsageError(f"{option}: {text!r}", hint=f"use some of {', '.join(names)}")
    return tuple(dict.fromkeys(found))
