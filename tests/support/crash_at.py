"""``crash_at.py POINT NTH …``: the ingest command, dying as by SIGKILL at one commit point.

Not a double of anything: the real command, with real methods wrapped so that the process ends
(no cleanup, no flush) just before or just after a call of one of them.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
from collections.abc import Callable
from typing import Any

from waypoint.cli import main
from waypoint.storage.chroma.store import ChromaStore
from waypoint.storage.ledger.sqlite import SqliteLedger

POINTS: dict[str, tuple[type, str, bool]] = {
    "before-begin": (SqliteLedger, "start_documents", False),
    "after-begin": (SqliteLedger, "start_documents", True),
    "before-commit": (SqliteLedger, "commit_vectors", False),
    "after-commit": (SqliteLedger, "commit_vectors", True),
    "before-upsert": (ChromaStore, "upsert", False),
    "after-upsert": (ChromaStore, "upsert", True),
    "before-update": (ChromaStore, "update_metadata", False),
    "after-update": (ChromaStore, "update_metadata", True),
    "before-delete": (ChromaStore, "delete", False),
    "after-delete": (ChromaStore, "delete", True),
    "before-finish": (SqliteLedger, "complete_documents", False),
    "after-finish": (SqliteLedger, "complete_documents", True),
    "before-forget": (SqliteLedger, "forget_documents", False),
    "after-forget": (SqliteLedger, "forget_documents", True),
    "before-generation": (SqliteLedger, "set_generation", False),
    "after-generation": (SqliteLedger, "set_generation", True),
    "before-metadata": (ChromaStore, "set_metadata", False),
    "after-metadata": (ChromaStore, "set_metadata", True),
}
"""Of a run that adds, edits and removes: owner, method, whether it dies after it."""

REPAIR_POINTS: dict[str, tuple[type, str, bool]] = {
    "before-take-back": (SqliteLedger, "restore_vectors", False),
    "after-take-back": (SqliteLedger, "restore_vectors", True),
}
"""Of a run that learns from Chroma what its ledger lost."""

CLEAR_POINTS: dict[str, tuple[type, str, bool]] = {
    "before-clear": (SqliteLedger, "clear_collection", False),
    "before-drop": (ChromaStore, "drop", False),
    "after-drop": (ChromaStore, "drop", True),
    "after-create": (ChromaStore, "create", True),
}
"""Of a run that starts the collection anew."""

REBUILD_POINTS: dict[str, tuple[type, str, bool]] = {
    "before-touch": (SqliteLedger, "refresh_documents", False),
    "after-beside": (ChromaStore, "create", True),
    "after-copy": (ChromaStore, "upsert", True),
    "before-swap": (ChromaStore, "rename", False),
    "after-rename": (ChromaStore, "rename", True),
    "before-drop": (ChromaStore, "drop", False),
    "before-trust": (SqliteLedger, "trust_collection", False),
}
"""Of a run that writes a damaged collection anew beside it."""

REJECT_POINTS: dict[str, tuple[type, str, bool]] = {
    "before-refuse": (SqliteLedger, "refuse_text", False),
    "after-refuse": (SqliteLedger, "refuse_text", True),
    "after-retry-rejects": (SqliteLedger, "retry_rejects", True),
    "before-finish": (SqliteLedger, "complete_documents", False),
}
"""Of a run that meets texts the service refuses."""

ANY = "any"
"""Whichever of ``POINTS`` a run comes to; NTH counts them all."""

ENTRY = (__file__,)
"""To be run in place of the ingest command."""

CRASHED = 137
"""The exit code of a crash: what a shell says of SIGKILL."""


def crash_at(point: str, nth: int) -> None:
    """Die when the process comes to that point for the nth time."""
    chosen = (
        POINTS.values()
        if point == ANY
        else [(POINTS | REPAIR_POINTS | CLEAR_POINTS | REBUILD_POINTS | REJECT_POINTS)[point]]
    )
    countdown = itertools.count(nth - 1, -1)

    def tick() -> None:
        if next(countdown) == 0:
            os._exit(CRASHED)

    for owner, name, afterwards in chosen:
        _wrap(owner, name, tick, afterwards=afterwards)


def _wrap(owner: type, name: str, tick: Callable[[], None], *, afterwards: bool) -> None:
    method = getattr(owner, name)
    if owner is SqliteLedger:

        @functools.wraps(method)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if not afterwards:
                tick()
            result = method(*args, **kwargs)
            if afterwards:
                tick()
            return result
    else:

        @functools.wraps(method)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            if not afterwards:
                tick()
            result = await method(*args, **kwargs)
            if afterwards:
                tick()
            return result

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    crash_at(sys.argv[1], int(sys.argv[2]))
    main(["ingest", *sys.argv[3:]])
