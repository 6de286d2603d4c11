"""Exact neighbours, and the picture, by numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.storage.port import StoredRecords
from waypoint.verification.picture import draw_picture, principal_components
from waypoint.verification.sample import ExactNeighbours


@given(st.integers(2, 60), st.integers(1, 17), st.integers(1, 5), st.integers(0, 1_000))
def test_blocks_give_what_the_whole_gives(count: int, block: int, top: int, seed: int) -> None:
    """Whatever the blocks: the last of the best cosines, the question itself left out."""
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    top = min(top, count - 1)
    ids = [str(number) for number in range(count)]
    exact = ExactNeighbours(vectors[:2], ids[:2], top)
    for start in range(0, count, block):
        exact.add(ids[start : start + block], vectors[start : start + block])
    cosines = vectors[:2] @ vectors.T
    for row in range(2):
        others = np.sort(np.delete(cosines[row], row))[::-1]
        assert exact.worst()[row] == pytest.approx(others[top - 1], abs=1e-6)


def test_vectors_that_are_not_finite_are_nobodys_neighbours() -> None:
    """Nor is the zero vector, and nothing warns."""
    rows = np.array([[1, 0], [np.nan, 1], [0, 0], [0, 1]], np.float32)
    exact = ExactNeighbours(rows[:1], ["own"], 1)
    exact.add(["own", "nan", "zero", "other"], rows)
    assert exact.worst().tolist() == [0.0]


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    """The same places but for scale and sign, and the same share of the variance."""
    vectors = np.random.default_rng(5).normal(size=(50, 20)).astype(np.float32)
    places, shown = principal_components(vectors)
    centred = vectors - vectors.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    assert shown == pytest.approx(float((values[:2] ** 2).sum() / (values**2).sum()), rel=1e-4)
    for axis in range(2):
        assert abs(np.corrcoef(places[:, axis], left[:, axis])[0, 1]) == pytest.approx(1, abs=1e-4)
    assert (places.min(), places.max()) == (0, 1)


def test_a_picture_leaves_broken_vectors_out() -> None:
    """And shows what is there, however little."""
    rows = np.array([[1, 0], [0, 1], [np.nan, 0]], np.float32)
    metadatas = [{"source": name, "category": "c", "section_header": "S"} for name in "abc"]
    page = StoredRecords(list("abc"), ["", "", ""], metadatas, rows)
    picture = draw_picture([page], 3)
    assert [(point.source, point.heading) for point in picture.points] == [("a", "S"), ("b", "S")]
    one = StoredRecords(["a"], [""], metadatas[:1], rows[:1])
    assert [(p.x, p.y) for p in draw_picture([one], 1).points] == [(0.5, 0.5)]
    assert draw_picture([], 0).points == ()
