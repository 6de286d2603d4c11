"""``search``: a question, and the passages nearest to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypoint.cli.options import Json, Verbose, load, takes_settings
from waypoint.observe.terminal import Passage, Terminal, Text, print_json

if TYPE_CHECKING:
    from waypoint.observe.events import Event
    from waypoint.query.search import Hit, SearchResult

SHORTEST_WORD = 3
"""Letters of a word that is worth highlighting; of scripts without spaces, one."""


@takes_settings("collection_name")
def search(
    question: Annotated[str, typer.Argument(help="What to look for, in words.")],
    *,
    top: Annotated[
        int, typer.Option("--top", min=1, max=100, help="How many passages to show.")
    ] = 5,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            help="Only chunks with this metadata: key=value. May be repeated; all must match.",
        ),
    ] = None,
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="Search the collection of simulated vectors."),
    ] = False,
    settings: dict[str, Any],
    json: Json = False,
    verbose: Verbose = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Find the passages nearest to a question."""
    from waypoint.ingestion import runtime
    from waypoint.observe.events import EventBus
    from waypoint.query import search as query

    errors = Terminal(stderr=True)
    events = EventBus()
    events.subscribe(lambda event: _tell(errors, event))
    loaded = load(settings)

    async def ask() -> SearchResult:
        return await query.search(
            loaded, question, events, top=top, where=where or (), simulate=simulate
        )

    result = runtime.run(ask)
    if json:
        print_json(asdict(result), documents=True)
        return
    for notice in result.notices:
        errors.tell(notice)
    _print(Terminal(), result)


def _tell(console: Terminal, event: Event) -> None:
    from waypoint.observe.events import ServiceSaid, StoreNotice, StoreRetried, TextsLost

    if isinstance(event, StoreNotice | ServiceSaid):
        console.tell(event.message)
    elif isinstance(event, StoreRetried):
        console.tell(f"Chroma: {event.operation}: {event.reason}")
    elif isinstance(event, TextsLost):
        console.tell(str(event))


def _print(console: Terminal, result: SearchResult) -> None:
    from rich.padding import Padding

    from waypoint.verification.keywords import Keyword

    if not result.hits:
        console.tell(f"nothing found in {result.collection}")
    words = [Keyword(word) for word in _words(result.question)]
    for rank, hit in enumerate(result.hits, start=1):
        console.tell(_head(rank, hit))
        passage = Passage(hit.text.strip())
        for word in words:
            for start, end in word.spans(passage.plain):
                passage.stylize("bold yellow", start, end)
        if console.is_terminal:
            console.print(Padding(passage, (0, 0, 1, 3)))
            continue
        # Where there is no width to wrap to, a passage's lines stay as they are.
        for text_line in passage.split("\n"):
            console.tell(Passage("   ") + text_line)
        console.print()


def _head(rank: int, hit: Hit) -> Text:
    line = Text(f"{rank}. {hit.score:.3f} ", style="bold")
    line.append(hit.source, style="cyan")
    if hit.page is not None:
        line.append(f", page {hit.page}", style="default")
    if "time" in hit.metadata:
        line.append(f", at {hit.metadata['time']}", style="default")
    if hit.heading:
        line.append(f": {hit.heading}", style="default")
    return line


def _words(question: str) -> list[str]:
    """The question's words, without punctuation and without those too short to say anything."""
    words = ("".join(c if c.isalnum() else " " for c in question)).split()
    return [word for word in words if len(word) >= SHORTEST_WORD or not word.isascii()]
