"""Waypoint: stream a folder of documents into a Chroma collection of Gemini embeddings.

In another program: ``report = await waypoint.ingest("docs")``; ``api.py`` has what there is.

Importing this package is cheap on purpose: the heavy SDKs (chromadb, google-genai) are
imported by the one adapter that speaks to each, and only when a run needs them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waypoint.api import (
        Event,
        Plan,
        RunReport,
        SearchResult,
        Verdict,
        WaypointError,
        ingest,
        plan,
        search,
        verify,
    )

__version__ = "0.1.0"

__all__ = [
    "Event",
    "Plan",
    "RunReport",
    "SearchResult",
    "Verdict",
    "WaypointError",
    "ingest",
    "plan",
    "search",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from waypoint import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
