"""``verify``: whether a collection is whole and right, and finds things."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from waypoint.cli.options import Verbose, knowledge_base, load, takes_settings


@takes_settings(
    "collection_name", "embedding_model", "embedding_dimensions", "chunk_size", "chunk_overlap"
)
def verify(
    path: Annotated[
        Path | None,
        knowledge_base(" If neither is given, the folder of the last ingestion."),
    ] = None,
    *,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", help="Run only this check, or group of checks. May be repeated."),
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
            help="Number of chunks to embed again and compare. Calls the API.",
        ),
    ] = 0,
    recall: Annotated[
        int,
        typer.Option(
            "--recall",
            min=0,
            max=10_000,
            help="Number of chunks whose neighbours in Chroma are compared with the exact ones.",
        ),
    ] = 0,
    seed: Annotated[
        int, typer.Option("--seed", help="Seed of the random choice of --sample and --recall.")
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
            help="Repair what ledger and folder allow; says first what it will do and cost.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Repair without asking.")] = False,
    settings: dict[str, Any],
    json: Annotated[
        bool, typer.Option("--json", help="Print the verdict as JSON on stdout, and nothing else.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Check that a collection is whole and right."""
    from waypoint.cli.verification import VerifyCommand, VerifyRequest

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
    loaded = load({**settings, "knowledge_base_path": path}, verbose=verbose)
    raise typer.Exit(VerifyCommand(loaded, request).run())
