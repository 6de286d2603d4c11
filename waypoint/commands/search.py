"""The search command: a question, and the passages nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.padding import Padding

from waypoint.cli.proxies import spare_loopback
from waypoint.commands.failures import flatten, tell_failure
from waypoint.errors import ExitCode
from waypoint.files import keep_private
from waypoint.ingest import runtime
from waypoint.observe.events import Event, EventBus, StoreRetried, TextsLost
from waypoint.observe.terminal import Passage, Terminal, Text, print_json
from waypoint.query.search import Hit, SearchResult, search
from waypoint.settings import load_settings
from waypoint.verify.keywords import Keyword

SHORTEST_WORD = 3
"""Letters of a word that is worth highlighting; of scripts without spaces, one."""


def run_search(
    options: dict[str, Any],
    question: str,
    *,
    top: int,
    where: Sequence[str],
    simulate: bool,
    json: bool,
    verbose: bool,
) -> int:
    """Search and print what was found; returns the exit code."""
    errors = Terminal(stderr=True)
    events = EventBus()

    def tell(event: Event) -> None:
        if isinstance(event, StoreRetried):
            errors.print(Text(f"Chroma: {event.operation}: {event.reason}"), soft_wrap=True)
        elif isinstance(event, TextsLost):
            errors.print(Text(str(event)), soft_wrap=True)

    events.subscribe(tell)
    try:
        settings = load_settings(**options)
        keep_private(wanted=settings.private_files)
        spare_loopback()

        async def ask() -> SearchResult:
            return await search(settings, question, events, top=top, where=where, simulate=simulate)

        result = runtime.run(ask)
    except Exception as error:
        failure = flatten(error)
        tell_failure(errors, failure, verbose=verbose)
        return failure.exit_code
    if json:
        print_json(asdict(result), documents=True)
        return ExitCode.OK
    for notice in result.notices:
        errors.print(Text(notice), soft_wrap=True)
    _print(Terminal(), result)
    return ExitCode.OK


def _print(console: Terminal, result: SearchResult) -> None:
    if not result.hits:
        console.print(Text(f"nothing found in {result.collection}"), soft_wrap=True)
    words = [Keyword(word) for word in _words(result.question)]
    for rank, hit in enumerate(result.hits, start=1):
        console.print(_head(rank, hit), soft_wrap=True)
        passage = Passage(hit.text.strip())
        for word in words:
            for start, end in word.spans(passage.plain):
                passage.stylize("bold yellow", start, end)
        if console.is_terminal:
            console.print(Padding(passage, (0, 0, 1, 3)))
            continue
        # Where there is no width to wrap to, a passage's lines stay as they are.
        for text_line in passage.split("\n"):
            console.print(Passage("   ") + text_line, soft_wrap=True)
        console.print()


def _head(rank: int, hit: Hit) -> Text:
    line = Text(f"{rank}. {hit.score:.3f} ", style="bold")
    line.append(hit.source, style="cyan")
    if hit.page is not None:
        line.append(f", page {hit.page}", style="default")
    if hit.heading:
        line.append(f": {hit.heading}", style="default")
    return line


def _words(question: str) -> list[str]:
    """The question's words, without punctuation and without those too short to say anything."""
    words = ("".join(c if c.isalnum() else " " for c in question)).split()
    return [word for word in words if len(word) >= SHORTEST_WORD or not word.isascii()]
