"""``search``: its options."""

from __future__ import annotations

from typing import Annotated

import typer

from waypoint.cli.options import Collection, Json, Verbose


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
    collection: Collection = None,
    json: Json = False,
    verbose: Verbose = False,
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
