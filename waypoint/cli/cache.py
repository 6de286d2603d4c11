"""``cache``: its options."""

from __future__ import annotations

from typing import Annotated

import typer

from waypoint.cli.options import Json, Verbose


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
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what the ledger holds: vectors paid for, collections, size; or make room."""
    from waypoint.commands.cache import show_cache

    raise typer.Exit(show_cache(prune=prune, force=force, json=json, verbose=verbose))
