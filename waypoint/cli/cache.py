"""``cache``: what the ledger holds, and making room in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from waypoint.cli.options import Json, Verbose, load
from waypoint.observe.terminal import Terminal, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from waypoint.storage.cache_report import CacheReport


def cache(
    drop_unused: Annotated[
        bool, typer.Option("--drop-unused", help="Drop the vectors that no collection uses.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Drop them even if the last run did not complete: vectors that are not yet stored "
            "are dropped with the rest.",
        ),
    ] = False,
    json: Json = False,
    verbose: Verbose = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Show what the ledger holds, or make room in it."""
    from waypoint.ingestion import runtime
    from waypoint.storage.cache_report import read_cache

    read = partial(read_cache, load({}), drop_unused=drop_unused, force=force)
    report = runtime.run(read)
    if json:
        print_json(asdict(report))
    else:
        _print(Terminal(), report)


def _print(console: Terminal, report: CacheReport) -> None:
    vectors = _table(
        "vectors",
        words=("provider", "model", "task"),
        figures=("dimensions", "vectors", "unused"),
    )
    for space in report.spaces:
        figures = (space.dimensions, space.vectors, space.unused)
        words = (space.provider, space.model, space.task_type)
        vectors.add_row(*words, *(f"{figure:,}" for figure in figures))
    collections = _table(
        "collections",
        words=("name", "knowledge base"),
        figures=("documents", "incomplete", "chunks", "rejects"),
    )
    for entry in report.collections:
        counts = (entry.documents, entry.incomplete, entry.chunks, entry.rejects)
        collections.add_row(entry.name, entry.root, *(f"{count:,}" for count in counts))
    console.print(vectors)
    console.print(collections)
    if report.refused_texts:
        console.print(f"{report.refused_texts:,} texts rejected by the service")
    console.tell(f"{report.path}: {report.bytes / 1e6:,.1f} MB")
    if report.pruned is not None:
        console.print(f"{report.pruned:,} unused vectors dropped")


def _table(title: str, *, words: Sequence[str], figures: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(title=title)
    for name in words:
        table.add_column(name, overflow="fold")
    for name in figures:
        table.add_column(name, justify="right")
    return table
