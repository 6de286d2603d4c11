"""How long a quota makes a run take, which of its limits binds, and what chunk size wastes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.rate_limit import TIERS, QuotaLimits

TEXTS_A_MINUTE = "texts a minute"
TOKENS_A_MINUTE = "tokens a minute"
TEXTS_A_DAY = "texts a day"
NO_QUOTA = "none"

DAY = 86_400.0

WORTH_SAYING = 1.2
"""Times as fast that another chunk size has to be before it is worth a line."""

_INPUT_SHARE = 0.8
"""Of the model's input limit that a chunk may be advised to have: tokens are estimates."""
_LARGEST_CHUNK = 16_000
_ROUND_TO = 50


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run is to ask of the service."""

    texts: int
    tokens: int
    """Estimated."""
    characters: int
    used_today: int = 0
    """Texts that already count against the day's limit."""


@dataclass(frozen=True, slots=True)
class LeastTime:
    """What the quota alone takes; a run takes at least that."""

    seconds: float
    binding_quota: str
    days: int
    """Days of the service's calendar, today included, on which texts are sent; 0 for no text."""


@dataclass(frozen=True, slots=True)
class TierTime:
    """The same by the figures of a tier. A limit of 0 is none."""

    tier: str
    rpm: int
    tpm: int
    rpd: int
    seconds: float
    binding_quota: str
    days: int


@dataclass(frozen=True, slots=True)
class ChunkSizeAdvice:
    """Texts bind while tokens idle: longer texts would take less time, told as LeastTime."""

    chunk_size: int
    """CHUNK_SIZE in characters that comes near it, where sections are long enough."""
    tokens_per_text: float
    """Of that size, on average."""
    characters_per_text: int
    present_tokens_per_text: float
    seconds: float
    binding_quota: str
    days: int


def least_time(demand: Demand, limits: QuotaLimits) -> LeastTime:
    """That of the limit that binds; a day's limit counts in whole days after today."""
    times = {NO_QUOTA: 0.0}
    if limits.rpm:
        times[TEXTS_A_MINUTE] = demand.texts / limits.rpm * 60
    if limits.tpm:
        times[TOKENS_A_MINUTE] = demand.tokens / limits.tpm * 60
    further_days = 0
    if limits.rpd:
        left_today = max(0, limits.rpd - demand.used_today)
        further_days = math.ceil(max(0, demand.texts - left_today) / limits.rpd)
        times[TEXTS_A_DAY] = further_days * DAY
    binding = max(times, key=lambda name: times[name])
    return LeastTime(times[binding], binding, further_days + 1 if demand.texts else 0)


def tier_times(demand: Demand) -> list[TierTime]:
    """The least time at each tier that has figures."""
    found = []
    for tier, limits in TIERS.items():
        least = least_time(demand, limits)
        found.append(
            TierTime(
                tier.value, limits.rpm, limits.tpm, limits.rpd,
                least.seconds, least.binding_quota, least.days,
            )
        )  # fmt: skip
    return found


def advise_chunk_size(
    demand: Demand, limits: QuotaLimits, model: EmbeddingModel, chunk_size: int
) -> ChunkSizeAdvice | None:
    """The chunk size at which texts and tokens would bind together; None if little is gained.

    A text's mean length is a share of CHUNK_SIZE, since sections end before it is reached; it
    is taken to grow with it.
    """
    least = least_time(demand, limits)
    if least.binding_quota not in (TEXTS_A_MINUTE, TEXTS_A_DAY) or not (limits.rpm and limits.tpm):
        return None
    present = demand.tokens / demand.texts
    characters_per_token = demand.characters / demand.tokens
    largest = min(_LARGEST_CHUNK, model.max_input_tokens * characters_per_token * _INPUT_SHARE)
    growth = min(limits.tpm / limits.rpm / present, largest / chunk_size)
    size = int(chunk_size * growth / _ROUND_TO) * _ROUND_TO
    growth = size / chunk_size
    if growth <= 1:
        return None
    longer = Demand(
        math.ceil(demand.texts / growth), demand.tokens, demand.characters, demand.used_today
    )
    shorter = least_time(longer, limits)
    if least.seconds < WORTH_SAYING * shorter.seconds:
        return None
    return ChunkSizeAdvice(
        chunk_size=size,
        tokens_per_text=round(present * growth, 1),
        characters_per_text=round(present * growth * characters_per_token),
        present_tokens_per_text=round(present, 1),
        seconds=shorter.seconds,
        binding_quota=shorter.binding_quota,
        days=shorter.days,
    )
