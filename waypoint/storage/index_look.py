"""What a look at a few chunks says of an index.

An index is approximate: among many vectors that are equal or nearly so, it may not lead to one
that it holds. Measured with chromadb 1.5.9, of chunks drawn from all over a healthy collection up
to 12 % were missed, where most of them were equal. So what a search misses is no damage as long
as it finds most; a vector that can't be read is, since Chroma keeps vectors in the index alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from waypoint.models import Vectors
from waypoint.storage.port import Neighbour

SAME = 1e-3
"""Cosine distance below which two vectors are the same; float32 rounds at about 1e-7."""

NEAREST = 5
"""Neighbours that are asked for: one of them must be as near as the chunk itself."""


@dataclass(frozen=True, slots=True)
class Look:
    """How many chunks are asked for, and where they lie."""

    places: int
    together: int
    """Chunks at each place."""

    def offsets(self, count: int) -> list[int]:
        """Where they begin, in a collection of ``count``: from its first chunks to its last."""
        last = max(0, count - self.together)
        return sorted({last * place // (self.places - 1) for place in range(self.places)})


FIRST_LOOK = Look(places=5, together=4)
CLOSER_LOOK = Look(places=10, together=20)


def with_direction(vectors: Vectors) -> Vectors:
    """Those that a search can be made for: finite, and not zero."""
    return vectors[np.isfinite(vectors).all(axis=1) & vectors.any(axis=1)]


def unfound(answers: Sequence[Sequence[Neighbour]]) -> list[int]:
    """Which of the chunks that were searched by their own vectors are not found, by row.

    One that is equal, or nearly so, is as good: its distance is that of the chunk itself.
    """
    return [
        row
        for row, neighbours in enumerate(answers)
        if not any(neighbour.distance < SAME for neighbour in neighbours)
    ]


def is_damage(asked: int, lost: int) -> bool:
    """Whether so many are not found that the index must be damaged: more than half."""
    return lost * 2 > asked
