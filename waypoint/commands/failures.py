"""From an exception, or a group of them, to one error that a person can act on."""

from __future__ import annotations

import traceback

from rich.console import Console
from rich.text import Text

from waypoint.errors import CannotContinueError, WaypointError, no_more_files


class UnexpectedError(WaypointError):
    """A defect of Waypoint itself. The run can be repeated: what is paid is kept."""


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
    if isinstance(first, OSError) and first.filename is not None:
        # Of files that a person named: a name that is too long, a folder that is closed.
        failure = CannotContinueError(
            f"{_printable(first.filename)}: {first.strerror}",
            hint="name another, or let this user read and write it",
        )
        failure.__cause__ = first
        return failure
    unexpected = UnexpectedError(
        f"unexpected {type(first).__name__}: {first}",
        hint="this is a defect of Waypoint: run with --verbose and report what it prints; "
        "running again does no harm",
    )
    unexpected.__cause__ = first
    return unexpected


def _printable(name: object) -> str:
    return str(name).encode(errors="backslashreplace").decode()


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def tell_failure(console: Console, error: WaypointError, *, verbose: bool) -> None:
    """What happened and the way out; the traceback only on request."""
    if verbose:
        console.print(Text("".join(traceback.format_exception(error))), soft_wrap=True)
    line = Text("error: ", style="bold red")
    line.append(error.message, style="default")
    console.print(line, soft_wrap=True)
    if error.hint:
        console.print(Text(f"way out: {error.hint}"), soft_wrap=True)
