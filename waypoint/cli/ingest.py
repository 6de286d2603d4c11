"""``ingest``: its options, as the settings and the command want them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from waypoint.cli.options import (
    ChunkOverlap,
    ChunkSize,
    Collection,
    Dimensions,
    JsonTextField,
    MaxFileSize,
    Model,
    described,
    setting,
)
from waypoint.settings import ChunkUnit, QuotaTier, QuotaUnit


def ingest(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help=f"{described('knowledge_base_path')} Several folders go into one collection, "
            "each under its own name but the first.",
            show_default=False,
        ),
    ] = None,
    concurrency: Annotated[str | None, setting("concurrency", "--concurrency")] = None,
    category: Annotated[
        str | None, typer.Option("--category", help="Ingest only this top folder.")
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove documents that are gone even where that is hard to believe: an empty "
            "folder, or more than half of the documents.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only read, chunk and count: documents, chunks, tokens, calls, cost, least "
            "time. Needs no key, writes nothing.",
        ),
    ] = False,
    clear: Annotated[
        bool,
        typer.Option(
            "--clear", help="Start the collection anew; texts already paid for are not paid again."
        ),
    ] = False,
    root_moved: Annotated[
        bool,
        typer.Option(
            "--root-moved",
            help="PATH is the folder that the collection was made from, at another place now.",
        ),
    ] = False,
    root_name: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Add PATH to a collection that is made from another folder: its documents have "
            "sources that begin with //NAME/, and neither replace nor remove those of the others.",
        ),
    ] = None,
    retry_rejects: Annotated[
        bool,
        typer.Option(
            "--retry-rejects",
            help="Send the texts again that the service refused in earlier runs (those of this "
            "collection, and of the category if one is given).",
        ),
    ] = False,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            help="Use the built-in simulator of the Gemini API: no key, no cost, and vectors "
            "that only know words.",
        ),
    ] = False,
    collection: Collection = None,
    model: Model = None,
    dimensions: Dimensions = None,
    quota_tier: Annotated[QuotaTier | None, setting("quota_tier", "--quota-tier")] = None,
    rpm: Annotated[int | None, setting("quota_rpm", "--rpm")] = None,
    tpm: Annotated[int | None, setting("quota_tpm", "--tpm")] = None,
    rpd: Annotated[int | None, setting("quota_rpd", "--rpd")] = None,
    quota_unit: Annotated[QuotaUnit | None, setting("quota_unit", "--quota-unit")] = None,
    wait: Annotated[bool | None, setting("quota_wait", "--wait/--no-wait")] = None,
    max_cost: Annotated[float | None, setting("max_cost", "--max-cost")] = None,
    max_texts: Annotated[int | None, setting("max_texts", "--max-texts")] = None,
    chunk_size: ChunkSize = None,
    chunk_overlap: ChunkOverlap = None,
    chunk_unit: Annotated[ChunkUnit | None, setting("chunk_unit", "--chunk-unit")] = None,
    context_headers: Annotated[
        bool | None, setting("context_headers", "--context-headers/--no-context-headers")
    ] = None,
    batch_size: Annotated[int | None, setting("batch_size", "--batch-size")] = None,
    max_file_size: MaxFileSize = None,
    json_text_field: JsonTextField = None,
    parse_timeout: Annotated[float | None, setting("parse_timeout", "--parse-timeout")] = None,
    include: Annotated[list[str] | None, setting("include", "--include")] = None,
    exclude: Annotated[list[str] | None, setting("exclude", "--exclude")] = None,
    call_timeout: Annotated[float | None, setting("call_timeout", "--call-timeout")] = None,
    give_up_after: Annotated[float | None, setting("give_up_after", "--give-up-after")] = None,
    monitor_port: Annotated[int | None, setting("metrics_port", "--monitor-port")] = None,
    monitor_host: Annotated[str | None, setting("metrics_host", "--monitor-host")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON on stdout, and nothing else.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show every event, and tracebacks of errors.")
    ] = False,
) -> None:
    """Ingest a folder of documents: what changed, and nothing else."""
    # numpy starts threads for linear algebra, which no ingestion uses: 0.1 s of CPU time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from waypoint.commands.ingest import IngestCommand
    from waypoint.ingest.options import IngestOptions

    settings = {
        "knowledge_base_path": paths[0] if paths else None,
        "concurrency": concurrency,
        "collection_name": collection,
        "embedding_model": model,
        "embedding_dimensions": dimensions,
        "quota_tier": quota_tier,
        "quota_rpm": rpm,
        "quota_tpm": tpm,
        "quota_rpd": rpd,
        "quota_unit": quota_unit,
        "quota_wait": wait,
        "max_cost": max_cost,
        "max_texts": max_texts,
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
        "chunk_unit": chunk_unit,
        "context_headers": context_headers,
        "batch_size": batch_size,
        "max_file_size": max_file_size,
        "json_text_field": json_text_field,
        "parse_timeout": parse_timeout,
        "include": include or None,
        "exclude": exclude or None,
        "call_timeout": call_timeout,
        "give_up_after": give_up_after,
        "metrics_port": monitor_port,
        "metrics_host": monitor_host,
    }
    options = IngestOptions(
        simulate=simulate,
        category=category,
        prune=prune,
        clear=clear,
        root_moved=root_moved,
        root_name=root_name,
        further_paths=tuple(paths[1:]) if paths else (),
        retry_rejects=retry_rejects,
    )
    command = IngestCommand(settings, options, json=json, verbose=verbose)
    raise typer.Exit(command.plan() if dry_run else command.run())
