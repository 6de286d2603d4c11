"""``python -m waypoint`` is ``waypoint``."""

from __future__ import annotations

from waypoint.cli import main

if __name__ == "__main__":
    main()
