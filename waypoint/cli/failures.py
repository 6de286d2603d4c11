"""How an error is told."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from waypoint.cli.command_names import as_typed
from waypoint.errors import QUOTE_NOTHING, WaypointError
from waypoint.observe.terminal import Terminal, Text


def tell_failure(console: Terminal, error: WaypointError, *, verbose: bool) -> None:
    """What happened and what to do; the traceback only on request."""
    if verbose:
        for part in _traceback(error):
            console.print(Text(part), soft_wrap=True, end="")
    line = Text("error: ", style="bold red")
    line.append(error.message, style="default")
    console.tell(line)
    if error.hint:
        console.tell(f"hint: {as_typed(error.hint)}")


def _traceback(error: BaseException, shown: frozenset[int] = frozenset()) -> Iterator[str]:
    """As Python shows it, but for what errors of others say: that may be a document's text."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    shown |= {id(error)}
    if cause is not None and id(cause) not in shown:
        yield from _traceback(cause, shown)
        yield "\nwhich led to:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    told = isinstance(error, QUOTE_NOTHING)
    yield f"{type(error).__name__}: {error}\n" if told else f"{type(error).__name__}\n"
