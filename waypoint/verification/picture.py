"""A collection in two dimensions: the principal components of a bounded sample of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from waypoint.models import Vectors
from waypoint.query.headings import heading_of
from waypoint.storage.port import StoredRecords

MOST_POINTS = 1_200
"""Chunks that are drawn: with more of them, points hide each other."""


@dataclass(frozen=True, slots=True)
class Point:
    """A chunk of the picture; ``x`` and ``y`` from 0 to 1."""

    x: float
    y: float
    category: str
    source: str
    heading: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The points, and how much of the vectors' variance the two axes show: 0 to 1."""

    points: Sequence[Point]
    shown: float
    chunks: int
    """Of which the points are a sample."""


def draw_picture(pages: Sequence[StoredRecords], chunks: int) -> Picture:
    """The picture of these records. Records with broken vectors are left out."""
    with_vectors = [(page, page.vectors) for page in pages if page.vectors is not None]
    metadatas = [metadata for page, _ in with_vectors for metadata in page.metadatas]
    if not metadatas:
        return Picture((), 0.0, chunks)
    vectors = np.concatenate([vectors for _, vectors in with_vectors])
    whole = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    places, shown = principal_components(vectors[whole])
    points = []
    for row, (x, y) in zip(whole.tolist(), places.tolist(), strict=True):
        metadata = metadatas[row]
        points.append(
            Point(
                x, y, str(metadata.get("category", "")), str(metadata.get("source", "")),
                heading_of(metadata),
            )
        )  # fmt: skip
    return Picture(points, shown, chunks)


def principal_components(vectors: Vectors) -> tuple[Vectors, float]:
    """The two largest: shape (n, 2), each axis from 0 to 1, and their share of the variance."""
    if len(vectors) < 2:
        return np.full((len(vectors), 2), 0.5, np.float32), 0.0
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    # The smaller of the two products: its eigenvectors give those of the other.
    values, left = np.linalg.eigh(centred @ centred.T)
    order = np.argsort(values)[::-1][:2]
    top = np.maximum(values[order], 0.0)
    places = left[:, order] * np.sqrt(top)
    # An eigenvector's sign is any: the same picture must come of the same vectors.
    signs = np.sign(places[np.abs(places).argmax(axis=0), range(places.shape[1])])
    places = places * np.where(signs == 0, 1.0, signs)
    low, high = places.min(axis=0), places.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    total = float(np.maximum(values, 0.0).sum())
    scaled = ((places - low) / width).astype(np.float32)
    return scaled, float(top.sum() / total) if total else 0.0
