"""The benchmark command: each of its measurements has a module of its own."""

from __future__ import annotations

import typer

from waypoint.cli.benchmark.batch import batch
from waypoint.cli.benchmark.calls import calls
from waypoint.cli.benchmark.pace import pace
from waypoint.cli.benchmark.readers import readers
from waypoint.cli.benchmark.reading import reading
from waypoint.cli.benchmark.sweep import sweep

benchmark_app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
benchmark_app.callback()(sweep)
for command in (pace, calls, reading, readers, batch):
    benchmark_app.command()(command)
