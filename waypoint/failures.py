"""From an exception, or a group of them, to one error that a person can act on."""

from __future__ import annotations

from waypoint.errors import CannotContinueError, WaypointError, described, no_more_files, scarcity


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
