"""From whatever was raised to one error that a person can act on."""

from __future__ import annotations

import errno
import io

import pytest

from waypoint.cli.failures import tell_failure
from waypoint.errors import ExitCode, KeyRefusedError, ScarceError, StoreWriteError, WaypointError
from waypoint.failures import UnexpectedError, flatten
from waypoint.observe.terminal import Terminal


def test_ours_is_told_as_it_is() -> None:
    """Alone, or deep among others that it brought about."""
    ours = KeyRefusedError("refused", hint="another key")
    assert flatten(ours) is ours
    inner = ExceptionGroup("inner", [ValueError("y"), ours])
    assert flatten(ExceptionGroup("outer", [OSError("x"), inner])) is ours


def test_of_two_of_ours_the_first_is_told() -> None:
    """It is the one that the others followed from."""
    first, second = StoreWriteError("disk full"), KeyRefusedError("refused")
    assert flatten(ExceptionGroup("both", [first, second])) is first


def test_anything_else_is_a_defect() -> None:
    """3, its cause kept, and said to be no fault of the user's."""
    cause = ZeroDivisionError("division by zero")
    told = flatten(ExceptionGroup("outer", [cause, ValueError("later")]))
    assert isinstance(told, UnexpectedError)
    assert told.__cause__ is cause
    assert told.exit_code is ExitCode.CANNOT_CONTINUE
    assert told.message == "unexpected ZeroDivisionError: division by zero"
    assert "--verbose" in told.hint


def met_after(cause: Exception) -> Exception:
    """An error of the clearing up after that one."""
    error = RuntimeError("cannot join thread before it is started")
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(errno.ENOMEM, "x"), "not enough memory"),
        (BlockingIOError(errno.EAGAIN, "x"), "no further process or thread"),
        (RuntimeError("can't start new thread"), "no further process or thread"),
        (ImportError("x.so: failed to map segment from shared object"), "not enough memory"),
        (met_after(RuntimeError("can't start new thread")), "no further process or thread"),
    ],
)
def test_what_the_system_has_no_more_of_is_no_defect(cause: Exception, words: str) -> None:
    """Memory, processes, threads: it is named, with the limit to raise."""
    told = flatten(ExceptionGroup("outer", [cause]))
    assert type(told) is ScarceError
    assert words in told.message
    assert "ulimit" in told.hint


def shown(error: WaypointError, *, verbose: bool) -> str:
    """What a person sees of it."""
    output = io.StringIO()
    tell_failure(Terminal(file=output, width=40), error, verbose=verbose)
    return output.getvalue()


def test_the_traceback_is_shown_on_request_only() -> None:
    """Message and hint are shown always, as they are: brackets are not markup."""
    with pytest.raises(StoreWriteError) as caught:
        raise StoreWriteError("no [bold]space[/] left", hint="free some") from OSError("disk")
    brief = shown(caught.value, verbose=False)
    assert brief == "error: no [bold]space[/] left\nhint: free some\n"
    long = shown(caught.value, verbose=True)
    assert long.endswith(brief)
    assert "Traceback" in long
    assert "OSError: disk" in long
    assert "hint" not in shown(StoreWriteError("so it is"), verbose=False)
