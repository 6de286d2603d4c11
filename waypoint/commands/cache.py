"""The cache command: what the ledger holds, and making room in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from waypoint.commands.failures import flatten, tell_failure
from waypoint.errors import ExitCode
from waypoint.files import keep_private
from waypoint.observe.terminal import Terminal, Text, print_json
from waypoint.settings import load_settings
from waypoint.storage.cache_report import CacheReport, read_cache


def show_cache(*, prune: bool, force: bool, json: bool, verbose: bool) -> int:
    """Print the ledger's figures, after pruning if asked; returns the exit code."""
    console = Terminal(stderr=json)
    try:
        settings = load_settings()
        keep_private(wanted=settings.private_files)
        report = read_cache(settings.chroma_persist_path, prune=prune, force=force)
    except Exception as error:
        failure = flatten(error)
        tell_failure(Terminal(stderr=True), failure, verbose=verbose)
        return failure.exit_code
    if json:
        print_json(asdict(report))
        return ExitCode.OK
    _print(console, report)
    return ExitCode.OK


def _print(console: Terminal, report: CacheReport) -> None:
    vectors = _table(
        "vectors paid for",
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
        figures=("documents", "begun", "chunks", "rejects"),
    )
    for entry in report.collections:
        counts = (entry.documents, entry.begun, entry.chunks, entry.rejects)
        collections.add_row(entry.name, entry.root, *(f"{count:,}" for count in counts))
    console.print(vectors)
    console.print(collections)
    if report.refused_texts:
        console.print(f"{report.refused_texts:,} texts stand refused by the service")
    console.print(Text(f"{report.path}: {report.bytes / 1e6:,.1f} MB"), soft_wrap=True)
    if report.pruned is not None:
        console.print(f"{report.pruned:,} unused vectors dropped")


def _table(title: str, *, words: Sequence[str], figures: Sequence[str]) -> Table:
    table = Table(title=title)
    for name in words:
        table.add_column(name, overflow="fold")
    for name in figures:
        table.add_column(name, justify="right")
    return table
