"""What runs found out about the account's quota, for the next one to begin with."""

from __future__ import annotations

import time

from waypoint.models import EmbeddingSpace, EstimatedLimit, EstimatedQuota
from waypoint.storage.ledger.file import LedgerFile, with_ballast


class Quotas(LedgerFile):
    """The quota by provider and model."""

    @with_ballast
    def keep_quota(self, space: EmbeddingSpace, estimated: EstimatedQuota) -> None:
        """Note what was found; the last one counts."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO estimated_quotas VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    space.provider,
                    space.model,
                    estimated.rpm.value,
                    estimated.rpm.met,
                    estimated.tpm.value,
                    estimated.tpm.met,
                    estimated.token_factor,
                    time.time(),
                ),
            )

    def estimated_quota(self, space: EmbeddingSpace) -> EstimatedQuota | None:
        """What earlier runs found; None for nothing."""
        with self._translated():
            row = self._db.execute(
                "SELECT rpm, rpm_met, tpm, tpm_met, token_factor FROM estimated_quotas"
                " WHERE provider = ? AND model = ?",
                (space.provider, space.model),
            ).fetchone()
        if row is None:
            return None
        rpm, rpm_met, tpm, tpm_met, factor = row
        return EstimatedQuota(
            EstimatedLimit(rpm, bool(rpm_met)), EstimatedLimit(tpm, bool(tpm_met)), factor
        )
