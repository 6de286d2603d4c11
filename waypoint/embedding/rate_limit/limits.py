"""What an account allows, by tier."""

from __future__ import annotations

from dataclasses import dataclass, replace

from waypoint.settings import QuotaSettings, QuotaTier, QuotaUnit


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """What the account allows; 0 means no limit."""

    rpm: int
    """Texts a minute (calls, where those are what counts)."""
    tpm: int
    """Tokens a minute."""
    rpd: int
    """Texts a day (or calls)."""

    @property
    def unlimited(self) -> bool:
        return not (self.rpm or self.tpm or self.rpd)


TIERS = {
    QuotaTier.FREE: QuotaLimits(100, 30_000, 1_000),
    QuotaTier.ONE: QuotaLimits(3_000, 1_000_000, 0),
    QuotaTier.TWO: QuotaLimits(5_000, 5_000_000, 0),
    QuotaTier.THREE: QuotaLimits(10_000, 10_000_000, 0),
}
"""Per project, as users observed them; Google no longer publishes them per model."""

# ``auto`` cannot know the day's limit: the service tells when it is reached.
AUTO_START = replace(TIERS[QuotaTier.FREE], rpd=0)


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """What a service's limits are counted in, and which there are."""

    unit: QuotaUnit
    """What RPM and RPD count: texts, however many share a call, or calls."""
    to_find: frozenset[str]
    """The limits of a minute that it has, ``rpm`` and ``tpm``: found where nobody tells them."""
    start: QuotaLimits
    """What is tried first of these."""
    has_tiers: bool = True
    """Whether QUOTA_TIER says something of it."""

    def limits(self, settings: QuotaSettings) -> QuotaLimits:
        """The limits a run starts with: the tier's, each replaced by what was given for it."""
        told = self.has_tiers and settings.tier is not QuotaTier.AUTO
        base = TIERS[settings.tier] if told else self.start
        return QuotaLimits(
            base.rpm if settings.rpm is None else settings.rpm,
            base.tpm if settings.tpm is None else settings.tpm,
            base.rpd if settings.rpd is None else settings.rpd,
        )


TEXTS_AND_TOKENS = QuotaRules(QuotaUnit.TEXTS, frozenset({"rpm", "tpm"}), AUTO_START)
"""Of an account of the Gemini API."""

NO_QUOTA = QuotaRules(QuotaUnit.TEXTS, frozenset(), QuotaLimits(0, 0, 0))
"""Of a service without an account."""
