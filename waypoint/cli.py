"""The command line: parses, builds the settings, calls the app, maps errors to exit codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from waypoint.errors import ExitCode
from waypoint.settings import ChunkUnit, QuotaTier, QuotaUnit, Settings

main_app = typer.Typer(
    name="waypoint",
    help="Stream a folder of documents into a Chroma collection of Gemini embeddings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _described(field: str) -> str:
    """A setting's own words, so that --help never says anything else than what holds."""
    info = Settings.model_fields[field]
    default = info.default
    shown = getattr(default, "value", default)
    parts = [f"[env: {field.upper()}]"]
    if shown is not None and shown != ():
        parts.append(f"[default: {shown}]")
    return f"{info.description}. {' '.join(parts)}"


def _setting(field: str, name: str, **kwargs: Any) -> Any:
    return typer.Option(name, help=_described(field), show_default=False, **kwargs)


@main_app.callback()
def _root() -> None:
    # A callback keeps the commands' names even while there are few of them.
    return


@main_app.command()
def ingest(
    path: Annotated[
        Path | None,
        typer.Argument(help=_described("knowledge_base_path"), show_default=False),
    ] = None,
    concurrency: Annotated[str | None, _setting("concurrency", "--concurrency")] = None,
    category: Annotated[
        str | None, typer.Option("--category", help="Ingest only this top folder.")
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove documents that are gone even where that is hard to believe: an empty "
            "folder, another folder than last time, more than half of the documents.",
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
    collection: Annotated[str | None, _setting("collection_name", "--collection")] = None,
    model: Annotated[str | None, _setting("embedding_model", "--model")] = None,
    dimensions: Annotated[int | None, _setting("embedding_dimensions", "--dimensions")] = None,
    quota_tier: Annotated[QuotaTier | None, _setting("quota_tier", "--quota-tier")] = None,
    rpm: Annotated[int | None, _setting("quota_rpm", "--rpm")] = None,
    tpm: Annotated[int | None, _setting("quota_tpm", "--tpm")] = None,
    rpd: Annotated[int | None, _setting("quota_rpd", "--rpd")] = None,
    quota_unit: Annotated[QuotaUnit | None, _setting("quota_unit", "--quota-unit")] = None,
    wait: Annotated[bool | None, _setting("quota_wait", "--wait/--no-wait")] = None,
    max_cost: Annotated[float | None, _setting("max_cost", "--max-cost")] = None,
    max_texts: Annotated[int | None, _setting("max_texts", "--max-texts")] = None,
    chunk_size: Annotated[int | None, _setting("chunk_size", "--chunk-size")] = None,
    chunk_overlap: Annotated[int | None, _setting("chunk_overlap", "--chunk-overlap")] = None,
    chunk_unit: Annotated[ChunkUnit | None, _setting("chunk_unit", "--chunk-unit")] = None,
    context_headers: Annotated[
        bool | None, _setting("context_headers", "--context-headers/--no-context-headers")
    ] = None,
    batch_size: Annotated[int | None, _setting("batch_size", "--batch-size")] = None,
    max_file_size: Annotated[int | None, _setting("max_file_size", "--max-file-size")] = None,
    json_text_field: Annotated[str | None, _setting("json_text_field", "--json-text-field")] = None,
    parse_timeout: Annotated[float | None, _setting("parse_timeout", "--parse-timeout")] = None,
    include: Annotated[list[str] | None, _setting("include", "--include")] = None,
    exclude: Annotated[list[str] | None, _setting("exclude", "--exclude")] = None,
    call_timeout: Annotated[float | None, _setting("call_timeout", "--call-timeout")] = None,
    give_up_after: Annotated[float | None, _setting("give_up_after", "--give-up-after")] = None,
    monitor_port: Annotated[int | None, _setting("metrics_port", "--monitor-port")] = None,
    monitor_host: Annotated[str | None, _setting("metrics_host", "--monitor-host")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON on stdout, and nothing else.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show every event, and tracebacks of errors.")
    ] = False,
) -> None:
    """Ingest a folder of documents: what changed, and nothing else."""
    from waypoint.commands.ingest import IngestCommand

    settings = {
        "knowledge_base_path": path,
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
    command = IngestCommand(
        settings,
        category=category,
        prune=prune,
        clear=clear,
        retry_rejects=retry_rejects,
        simulate=simulate,
        json=json,
        verbose=verbose,
    )
    raise typer.Exit(command.plan() if dry_run else command.run())


@main_app.command()
def verify(
    path: Annotated[
        Path | None,
        typer.Argument(
            help=f"{_described('knowledge_base_path')} Where neither is given, the folder of the "
            "last ingestion.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(
            "--check", help="Make only this check, or this group of checks. May be repeated."
        ),
    ] = None,
    tier: Annotated[
        list[str] | None,
        typer.Option("--tier", help="Ask only the questions of this tier. May be repeated."),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries",
            help="YAML file of questions and what they should find; for the sample knowledge "
            "base, its own is the default.",
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        int,
        typer.Option(
            "--sample",
            min=0,
            max=10_000,
            help="Embed so many chunks anew and compare the vectors. Calls the API.",
        ),
    ] = 0,
    recall: Annotated[
        int,
        typer.Option(
            "--recall",
            min=0,
            max=10_000,
            help="For so many chunks compare Chroma's nearest neighbours with the exact ones.",
        ),
    ] = 0,
    seed: Annotated[
        int, typer.Option("--seed", help="What the chunks of --sample and --recall are drawn by.")
    ] = 0,
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="Verify the collection of simulated vectors."),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            help="Write a page with the verdict and a picture of the collection.",
            show_default=False,
        ),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Put right what ledger and folder allow; says first what it does and costs.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Repair without being asked.")] = False,
    collection: Annotated[str | None, _setting("collection_name", "--collection")] = None,
    model: Annotated[str | None, _setting("embedding_model", "--model")] = None,
    dimensions: Annotated[int | None, _setting("embedding_dimensions", "--dimensions")] = None,
    chunk_size: Annotated[int | None, _setting("chunk_size", "--chunk-size")] = None,
    chunk_overlap: Annotated[int | None, _setting("chunk_overlap", "--chunk-overlap")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the verdict as JSON on stdout, and nothing else.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks of errors.")] = False,
) -> None:
    """Verify a collection: is it whole, is it right, and does it find things?"""
    from waypoint.commands.verify import VerifyCommand, VerifyRequest

    settings = {
        "knowledge_base_path": path,
        "collection_name": collection,
        "embedding_model": model,
        "embedding_dimensions": dimensions,
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
    }
    request = VerifyRequest(
        checks=check or (),
        tiers=tier or (),
        queries=queries,
        sample=sample,
        recall=recall,
        seed=seed,
        simulate=simulate,
        html=html,
        repair=repair,
        yes=yes,
        json=json,
        verbose=verbose,
    )
    raise typer.Exit(VerifyCommand(settings, request).run())


@main_app.command()
def search(
    question: Annotated[str, typer.Argument(help="What to look for, in words.")],
    top: Annotated[
        int, typer.Option("--top", min=1, max=100, help="How many passages to show.")
    ] = 5,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            help="Only chunks whose metadata say so: key=value. May be repeated; all must hold.",
        ),
    ] = None,
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="Search the collection of simulated vectors."),
    ] = False,
    collection: Annotated[str | None, _setting("collection_name", "--collection")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print as JSON on stdout, and nothing else.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks of errors.")] = False,
) -> None:
    """Search a collection: the passages nearest to a question."""
    from waypoint.commands.search import run_search

    code = run_search(
        {"collection_name": collection},
        question,
        top=top,
        where=where or (),
        simulate=simulate,
        json=json,
        verbose=verbose,
    )
    raise typer.Exit(code)


@main_app.command()
def status(
    json: Annotated[
        bool, typer.Option("--json", help="Print as JSON on stdout, and nothing else.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks of errors.")] = False,
) -> None:
    """Show what there is: collections, the last run, rejects, cost to date, sizes on disk."""
    from waypoint.commands.status import show_status

    raise typer.Exit(show_status(json=json, verbose=verbose))


@main_app.command()
def cache(
    prune: Annotated[
        bool, typer.Option("--prune", help="Drop the vectors that no collection uses.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Prune although the last run did not come to its end: what it had paid for and "
            "not yet stored is dropped with the rest.",
        ),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print as JSON on stdout, and nothing else.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks of errors.")] = False,
) -> None:
    """Show what the ledger holds: vectors paid for, collections, size; or make room."""
    from waypoint.commands.cache import show_cache

    raise typer.Exit(show_cache(prune=prune, force=force, json=json, verbose=verbose))


@main_app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="File to show as Waypoint sees it.")],
    chunk_size: Annotated[int | None, _setting("chunk_size", "--chunk-size")] = None,
    chunk_overlap: Annotated[int | None, _setting("chunk_overlap", "--chunk-overlap")] = None,
    max_file_size: Annotated[int | None, _setting("max_file_size", "--max-file-size")] = None,
    json_text_field: Annotated[str | None, _setting("json_text_field", "--json-text-field")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print as JSON on stdout, and nothing else.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks of errors.")] = False,
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


@main_app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def simulate(context: typer.Context) -> None:
    """Serve the Gemini embedding API locally, with quotas and faults (`simulate --help`)."""
    from waypoint.simulator.__main__ import main as serve

    raise typer.Exit(serve(context.args))


@main_app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def benchmark(context: typer.Context) -> None:
    """Measure throughput, or the use of a quota, against the simulator (`benchmark --help`)."""
    from waypoint.commands.benchmark import benchmark_app

    benchmark_app(context.args, prog_name=f"{context.find_root().info_name} benchmark")


def main(arguments: list[str] | None = None, *, program: str = "waypoint") -> None:
    """Run the command line and exit with its code."""
    try:
        main_app(sys.argv[1:] if arguments is None else arguments, prog_name=program)
    except KeyboardInterrupt:
        # Before the run has its own handlers there is nothing to drain.
        sys.exit(ExitCode.INTERRUPTED)
