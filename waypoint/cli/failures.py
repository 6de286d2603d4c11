"""From an exception, or a group of them, to one error that a person can act on."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from waypoint.cli.command_names import as_typed
from waypoint.errors import (
    QUOTE_NOTHING,
    CannotContinueError,
    WaypointError,
    described,
    no_more_files,
    scarcity,
)
from waypoint.observe.terminal import Terminal, Text


class UnexpectedError(WaypointError):
    """A bug in Waypoint itself. The run can be repeated: what is embedded is kept."""


def flatten(error: BaseException) -> WaypointError:
    """The one error to tell: ours if there is one among those that were raised together."""
    if no_files := no_more_files(error):
        # Whatever it was taken for on its way.
        no_files.__cause__ = error
        return no_files
    leaves = list(_leaves(error))
    for leaf in leaves:
        if isinstance(leaf, WaypointError):
            return leaf
    first = leaves[0]
    if scarce := scarcity(first):
        scarce.__cause__ = first
        return scarce
    if isinstance(first, OSError) and first.filename is not None:
        # Of files that a person named: a name that is too long, a folder that is closed.
        failure = CannotContinueError(
            f"{first.filename}: {first.strerror}",
            hint="name another, or let this user read and write it",
        )
        failure.__cause__ = first
        return failure
    unexpected = UnexpectedError(
        f"unexpected {described(first)}",
        hint="this is a bug in Waypoint: run with --verbose and report what it prints; "
        "running again is safe",
    )
    unexpected.__cause__ = first
    return unexpected


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


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
