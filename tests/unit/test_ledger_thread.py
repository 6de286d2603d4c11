"""The ledger's thread hands on what it was given, to the method of the same name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from waypoint.storage.ledger.job_thread import JobThread
from waypoint.storage.ledger.jobs import Jobs
from waypoint.storage.ledger.sqlite import SqliteLedger
from waypoint.storage.ledger.thread import LedgerThread

CASES = [
    (thread, ledger, name)
    for thread, ledger in ((LedgerThread, SqliteLedger), (JobThread, Jobs))
    for name, _ in inspect.getmembers(thread, inspect.iscoroutinefunction)
    if not name.startswith("_") and hasattr(ledger, name)
]


class Recorder:
    """Stands where the ledger does: notes how it is called, as its signature has it."""

    def __init__(self, kind: type) -> None:
        self._kind = kind
        self.called: list[tuple[str, dict[str, Any]]] = []
        self.answer = object()

    def __getattr__(self, name: str) -> Callable[..., object]:
        signature = inspect.signature(getattr(self._kind, name))

        def method(*args: object, **kwargs: object) -> object:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            given = dict(list(bound.arguments.items())[1:])
            self.called.append((name, given))
            return self.answer

        return method


def arguments_of(method: Callable[..., Any], *, all_: bool) -> Iterator[tuple[str, object]]:
    """Of each parameter another one; without those that have a default unless ``all_``."""
    for name, parameter in list(inspect.signature(method).parameters.items())[1:]:
        if all_ or parameter.default is parameter.empty:
            yield name, object()


@pytest.mark.parametrize("all_", [True, False], ids=["all", "needed"])
@pytest.mark.parametrize(("kind", "of", "name"), CASES)
async def test_it_hands_on_what_it_was_given(kind: type, of: type, name: str, all_: bool) -> None:
    """Each argument in its place, and the port's defaults are the ledger's."""
    ledger = Recorder(of)
    whole = LedgerThread(ledger, anyio.CapacityLimiter(1))  # type: ignore[arg-type]
    thread = whole if kind is LedgerThread else whole.batch
    given = dict(arguments_of(getattr(kind, name), all_=all_))
    answer = await getattr(thread, name)(**given)
    signature = inspect.signature(getattr(of, name)).bind(ledger, **given)
    signature.apply_defaults()
    assert ledger.called == [(name, dict(list(signature.arguments.items())[1:]))]
    has_answer = inspect.signature(getattr(kind, name)).return_annotation != "None"
    assert (answer is ledger.answer) == has_answer


def test_there_are_some() -> None:
    """Nearly all of the ports'."""
    assert len(CASES) > 50
