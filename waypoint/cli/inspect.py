"""``inspect``: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from waypoint.cli.options import ChunkOverlap, ChunkSize, Json, JsonTextField, MaxFileSize, Verbose


def inspect(
    file: Annotated[Path, typer.Argument(help="File to show as Waypoint sees it.")],
    chunk_size: ChunkSize = None,
    chunk_overlap: ChunkOverlap = None,
    max_file_size: MaxFileSize = None,
    json_text_field: JsonTextField = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show a file as Waypoint sees it: reader, metadata, warnings, chunks. Writes nothing."""
    from waypoint.commands.inspect import inspect_file

    settings = {
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
        "max_file_size": max_file_size,
        "json_text_field": json_text_field,
    }
    raise typer.Exit(inspect_file(file, settings, json=json, verbose=verbose))
