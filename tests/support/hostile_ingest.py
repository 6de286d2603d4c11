"""The ingest command with one more format: the hostile one, in processes of its own as any."""

from __future__ import annotations

import sys

from tests.support.hostile_readers import FORMATS as HOSTILE
from waypoint.formats import registry

ENTRY = (__file__,)
"""To be run in place of the ingest command."""

if __name__ == "__main__":
    # Before anything takes them over: this is all that differs from the real command.
    registry.FORMATS = (*registry.FORMATS, HOSTILE[0])  # type: ignore[assignment]
    from waypoint.cli import main

    main(["ingest", *sys.argv[1:]])
