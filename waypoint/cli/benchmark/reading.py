"""``benchmark reading``: how fast documents are read and chunked."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from waypoint.benchmark.output import Output
from waypoint.benchmark.reading import SUFFIXES, ReadingSettings, reading_grid, run_reading
from waypoint.cli.benchmark.common import (
    JsonOption,
    OutOption,
    VerboseOption,
    chosen,
    output_of,
    run_measure,
)
from waypoint.errors import UsageError
from waypoint.observe.terminal import Terminal


def reading(
    files: Annotated[int, typer.Option(min=1, help="Files of the generated corpus.")] = 2000,
    formats: Annotated[
        str, typer.Option(help=f"Of those files, in turn, some of {','.join(SUFFIXES)}.")
    ] = "pdf,docx",
    chunks_per_file: Annotated[int, typer.Option(min=1, help="Sections of a file.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the corpus.")] = 0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, after an uncounted one.")] = 3,
    out: OutOption = Path("benchmark"),
    json: JsonOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Measure reading and chunking alone: files a minute, CPU time and memory."""

    def measure(console: Terminal) -> Output:
        suffixes = chosen(formats, SUFFIXES, "--formats")
        if files < len(suffixes):
            raise UsageError(
                f"--files: {files} are fewer than {len(suffixes)} formats",
                hint="raise --files, or name fewer with --formats",
            )
        settings = ReadingSettings(files, suffixes, chunks_per_file, rounds, seed)
        with tempfile.TemporaryDirectory(prefix="waypoint-reading-") as work:
            runs = run_reading(settings, Path(work), console.tell)
        return output_of(
            "Waypoint: reading alone",
            settings,
            reading_grid(runs, settings),
            runs=[{**asdict(run), "files_a_minute": run.files_a_minute} for run in runs],
        )

    run_measure(measure, "reading", out, json=json)
