"""``status``: its options."""

from __future__ import annotations

import typer

from waypoint.cli.options import Json, Verbose


def status(
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what there is: collections, the last run, rejects, cost to date, sizes on disk."""
    from waypoint.commands.status import show_status

    raise typer.Exit(show_status(json=json, verbose=verbose))
