"""Sources: where documents come from; the local folder, what it leaves out, and its origin."""

from __future__ import annotations

from waypoint.sources.discover import discover

__all__ = ["discover"]
