"""``crash_at.py POINT NTH …``: the ingest command, dying as by SIGKILL at one commit point.

Not a double of anything: the real command, with one real method wrapped so that the process
ends (no cleanup, no flush) just before or just after its Nth call.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

from waypoint.cli import main
from waypoint.storage.chroma import ChromaStore
from waypoint.storage.ledger import Ledger

POINTS: dict[str, tuple[type, str, bool]] = {
    "before-begin": (Ledger, "begin", False),
    "after-begin": (Ledger, "begin", True),
    "before-pay": (Ledger, "pay", False),
    "after-pay": (Ledger, "pay", True),
    "before-upsert": (ChromaStore, "upsert", False),
    "after-upsert": (ChromaStore, "upsert", True),
    "before-update": (ChromaStore, "update_metadata", False),
    "after-update": (ChromaStore, "update_metadata", True),
    "before-delete": (ChromaStore, "delete", False),
    "after-delete": (ChromaStore, "delete", True),
    "before-finish": (Ledger, "finish", False),
    "after-finish": (Ledger, "finish", True),
    "before-forget": (Ledger, "forget", False),
    "after-forget": (Ledger, "forget", True),
    "before-generation": (Ledger, "set_generation", False),
    "after-generation": (Ledger, "set_generation", True),
    "before-metadata": (ChromaStore, "set_metadata", False),
    "after-metadata": (ChromaStore, "set_metadata", True),
}

CRASHED = 137
"""The exit code of a crash: what a shell says of SIGKILL."""


def crash_at(point: str, nth: int) -> None:
    """Wrap the method of that point."""
    owner, name, afterwards = POINTS[point]
    method = getattr(owner, name)
    calls = 0

    def due() -> bool:
        nonlocal calls
        calls += 1
        return calls == nth

    if owner is Ledger:

        @functools.wraps(method)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            crash = due()
            if crash and not afterwards:
                os._exit(CRASHED)
            result = method(*args, **kwargs)
            if crash:
                os._exit(CRASHED)
            return result
    else:

        @functools.wraps(method)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            crash = due()
            if crash and not afterwards:
                os._exit(CRASHED)
            result = await method(*args, **kwargs)
            if crash:
                os._exit(CRASHED)
            return result

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    crash_at(sys.argv[1], int(sys.argv[2]))
    main(["ingest", *sys.argv[3:]])
