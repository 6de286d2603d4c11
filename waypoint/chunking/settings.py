"""How large chunks are, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from waypoint.errors import ConfigurationError

_WITH_CONTEXT = "/context"
_ALGORITHM = "sections-3"
"""To be counted up whenever the same settings would give other chunks than before."""

_TINY_SHARE = 6


@dataclass(frozen=True, slots=True)
class SizeUnit:
    """What sizes are counted in."""

    name: str
    """Part of the fingerprint: another way of counting needs another name."""
    measure: Callable[[str], int]
    """The size of a text. A longer text is never smaller, nor larger than its parts together."""
    most_characters: int
    """No text of more characters than this is within one unit, nor one of n times as many
    within n units: so a text is known to be too large without being measured whole."""


CHARACTERS = SizeUnit("characters", len, 1)


@dataclass(frozen=True, slots=True)
class ChunkingSettings:
    """Raises ConfigurationError unless 0 <= overlap < size."""

    size: int
    """What no chunk exceeds, in the unit."""
    overlap: int
    """At most so much of a chunk is repeated by the next one of the same section."""
    unit: SizeUnit = CHARACTERS
    context_headers: bool = False
    """Whether title and heading path are put before the text that is embedded."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigurationError(
                f"a chunk size of {self.size} is impossible",
                hint="set CHUNK_SIZE (--chunk-size) to 1 or more; 600 is usual",
            )
        if not 0 <= self.overlap < self.size:
            raise ConfigurationError(
                f"a chunk overlap of {self.overlap} is impossible with a chunk size of {self.size}",
                hint="set CHUNK_OVERLAP (--chunk-overlap) to 0 or more, below CHUNK_SIZE",
            )

    @property
    def tiny(self) -> int:
        """A piece smaller than this is joined to its neighbour where the two fit."""
        return self.size // _TINY_SHARE

    def fingerprint(self) -> str:
        """Equal for settings that give the same chunks: ``sections-3/600/90/characters``."""
        context = _WITH_CONTEXT if self.context_headers else ""
        return f"{_ALGORITHM}/{self.size}/{self.overlap}/{self.unit.name}{context}"


def embeds_context(fingerprint: str) -> bool:
    """Whether chunks of settings with that fingerprint are embedded with their context."""
    return fingerprint.endswith(_WITH_CONTEXT)
