"""How large chunks are."""

from __future__ import annotations

from dataclasses import dataclass

from waypoint.errors import ConfigurationError

_ALGORITHM = "sections-1"
"""To be counted up whenever the same settings would give other chunks than before."""

_TINY_SHARE = 6


@dataclass(frozen=True, slots=True)
class ChunkingSettings:
    """Sizes in characters. Raises ConfigurationError unless 0 <= overlap < size."""

    size: int
    """What no chunk exceeds."""
    overlap: int
    """At most so much of a chunk is repeated by the next one of the same section."""

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
        """A piece shorter than this is joined to its neighbour where the two fit."""
        return self.size // _TINY_SHARE

    def fingerprint(self) -> str:
        """Equal for settings that give the same chunks: ``sections-1/600/90/characters``."""
        return f"{_ALGORITHM}/{self.size}/{self.overlap}/characters"
