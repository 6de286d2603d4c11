"""The account's quota, and the pace that keeps within it.

Every text counts as one request (docs/architecture.md says where that is known from), so
RPM means texts a minute.
"""

from __future__ import annotations

from waypoint.embedding.quota.day import daily_quota_error
from waypoint.embedding.quota.limits import AUTO_START, TIERS, QuotaLimits, limits_for
from waypoint.embedding.quota.pace import WINDOW
from waypoint.embedding.quota.quota import Admission, Quota, QuotaState

__all__ = [
    "AUTO_START",
    "TIERS",
    "WINDOW",
    "Admission",
    "Quota",
    "QuotaLimits",
    "QuotaState",
    "daily_quota_error",
    "limits_for",
]
