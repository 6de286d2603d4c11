"""``benchmark readers``: what each format's reader makes of files of yours."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from waypoint.benchmark.machine import this_machine
from waypoint.benchmark.output import Output
from waypoint.benchmark.readers import read_folder, readers_grid
from waypoint.benchmark.tables import machine_line
from waypoint.cli.benchmark.common import JsonOption, OutOption, VerboseOption, run_measure
from waypoint.errors import UsageError
from waypoint.observe.terminal import Terminal
from waypoint.sanitize import json_bytes


def readers(
    folder: Annotated[Path, typer.Argument(help="Documents that you trust.")],
    beside: Annotated[
        str,
        typer.Option(help="Another reader, to compare words with: 'pdftotext {} -'."),
    ] = "",
    out: OutOption = Path("benchmark"),
    json: JsonOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Measure each format's reader over a folder: speed, rejects, and words beside another's."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}", hint="give a folder of documents")

    def measure(console: Terminal) -> Output:
        machine = this_machine()
        figures = read_folder(folder, beside, console.tell)
        document = {
            "schema": 1,
            "machine": asdict(machine),
            "settings": {"beside": beside},
            "formats": [asdict(each) for each in figures],
        }
        return Output(
            "Waypoint: readers",
            [machine_line(machine)],
            [readers_grid(figures)],
            [],
            json_bytes(document, indent=True),
        )

    run_measure(measure, "readers", out, json=json)
