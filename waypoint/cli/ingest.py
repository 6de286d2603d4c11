"""``ingest``: what changed in a folder, or with ``--dry-run`` a plan of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypoint.cli.options import knowledge_base, load, takes_settings
from waypoint.errors import ExitCode
from waypoint.observe.terminal import Terminal, print_bytes
from waypoint.settings import FACTS, FailOn, Settings

if TYPE_CHECKING:
    from waypoint.ingestion.options import IngestOptions


@takes_settings(*(name for name, facts in FACTS.items() if facts.option.startswith("--")))
def ingest(
    paths: Annotated[
        list[Path] | None,
        knowledge_base(
            " Several folders go into one collection, each under its own name but the first.",
            metavar="PATH",
        ),
    ] = None,
    *,
    category: Annotated[
        str | None, typer.Option("--category", help="Ingest only this top-level folder.")
    ] = None,
    allow_mass_delete: Annotated[
        bool,
        typer.Option(
            "--allow-mass-delete",
            help="Delete missing documents even if the folder is empty, or more than half of "
            "them are missing.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only read, chunk and count: documents, chunks, tokens, calls, cost, minimum "
            "time. Needs no key, writes nothing.",
        ),
    ] = False,
    clear: Annotated[
        bool,
        typer.Option(
            "--clear",
            help="Start the collection anew; texts that were embedded before are not sent again.",
        ),
    ] = False,
    root_moved: Annotated[
        bool,
        typer.Option(
            "--root-moved",
            help="PATH is the folder that the collection was made from, in another place now.",
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
    reread: Annotated[
        bool,
        typer.Option(
            "--reread",
            help="Read documents anew that an earlier version of their reader made; texts that "
            "stay the same are not embedded again.",
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
    detach: Annotated[
        bool,
        typer.Option(
            "--detach",
            help="Submit batch jobs and end with exit code 4, instead of waiting for them: the "
            "same command, or any ingest over that ledger, collects what is ready.",
        ),
    ] = False,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            help="Use the built-in simulator of the Gemini API: no key, no cost, and vectors "
            "of hashed words.",
        ),
    ] = False,
    settings: dict[str, Any],
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON on stdout, and nothing else.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show every event, and tracebacks of errors.")
    ] = False,
) -> None:
    """Ingest what changed in a folder of documents."""
    # numpy starts threads for linear algebra, which no ingestion uses: 0.1 s of CPU time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from waypoint.cli.ingestion import run_ingestion
    from waypoint.ingestion.options import IngestOptions
    from waypoint.ingestion.single_files import given_paths

    given = given_paths(paths or (), category)
    loaded = load({**settings, "knowledge_base_path": given.folder}, verbose=verbose)
    options = IngestOptions(
        simulate=simulate,
        category=category,
        allow_mass_delete=allow_mass_delete,
        clear=clear,
        root_moved=root_moved,
        root_name=root_name,
        further_paths=given.further,
        files=given.files,
        reread=reread,
        retry_rejects=retry_rejects,
        detach=detach,
    )
    if dry_run:
        raise typer.Exit(_plan(loaded, options, json=json))
    raise typer.Exit(run_ingestion(loaded, options, json=json, verbose=verbose))


def _plan(settings: Settings, options: IngestOptions, *, json: bool) -> ExitCode:
    """Show what a run would do; the exit code is that of a run with the same rejects."""
    from waypoint.cli.mounts import check_mounts
    from waypoint.cli.summary import print_plan
    from waypoint.ingestion import runtime
    from waypoint.ingestion.plan import make_plan

    check_mounts(settings, settings.knowledge_base_path, writes=False)
    plan = runtime.run(make_plan, settings, options)
    if json:
        print_bytes(plan.to_json())
    print_plan(Terminal(stderr=True), plan)
    incomplete = settings.fail_on != FailOn.NEVER and (plan.rejected or plan.texts_refused_before)
    return ExitCode.INCOMPLETE if incomplete else ExitCode.OK
