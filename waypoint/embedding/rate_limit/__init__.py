"""The account's quota, and the rate limiters that keep within it.

Every text counts as one request (docs/architecture.md says where that is known from), so
RPM means texts a minute.
"""

from __future__ import annotations

from waypoint.embedding.rate_limit.day import daily_quota_error
from waypoint.embedding.rate_limit.limits import (
    AUTO_START,
    NO_QUOTA,
    TEXTS_AND_TOKENS,
    TIERS,
    QuotaLimits,
    QuotaRules,
)
from waypoint.embedding.rate_limit.quota import Admission, Quota
from waypoint.embedding.rate_limit.rate_limiter import WINDOW

__all__ = [
    "AUTO_START",
    "NO_QUOTA",
    "TEXTS_AND_TOKENS",
    "TIERS",
    "WINDOW",
    "Admission",
    "Quota",
    "QuotaLimits",
    "QuotaRules",
    "daily_quota_error",
]
