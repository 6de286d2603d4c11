"""The models as Vertex AI serves them, and its quota (Google's documentation, November 2026)."""

from __future__ import annotations

from dataclasses import replace

from waypoint.embedding.providers.gemini_models import GEMINI_MODELS
from waypoint.embedding.rate_limit.limits import QuotaLimits, QuotaRules
from waypoint.settings import QuotaUnit

PREDICTED = "gemini-embedding-001"
"""The one that ``:predict`` takes: many texts a call, with the tokens of each in the answer."""

VERTEX_MODELS = {
    PREDICTED: replace(GEMINI_MODELS[PREDICTED], max_texts=250, max_tokens=20_000),
    # Several contents in one call are disputed there: what is certain is one.
    "gemini-embedding-2": replace(GEMINI_MODELS["gemini-embedding-2"], max_texts=1),
}

LOCATIONS = {PREDICTED: "us-central1", "gemini-embedding-2": "global"}
"""Where each is served, if nothing else is said."""

VERTEX_QUOTA = QuotaRules(
    QuotaUnit.TEXTS, frozenset(), QuotaLimits(0, 5_000_000, 0), has_tiers=False
)
"""Of a project and region, by default: tokens a minute, and no count of texts or days. For
gemini-embedding-2 it is twice as much."""
