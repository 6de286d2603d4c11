"""The simulator's vectors: the same always, near for near texts, different for all others."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypoint.simulator import Embedder, vector_of

MODEL = "gemini-embedding-001"
EMBEDDER = Embedder(MODEL)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)


def similarity(one: str, other: str) -> float:
    """The cosine of the vectors of two texts."""
    a, b = EMBEDDER.vectors([one, other], 768).astype(np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_a_vector_is_the_same_on_every_machine() -> None:
    """Pinned: a change here makes every simulated collection worthless."""
    vector = vector_of("Ships carry containers; 船舶 too.", MODEL, 768)
    digest = hashlib.sha256(vector.astype("<f4").tobytes()).hexdigest()
    assert digest == "58d7f39b1f76c32248ec70d810736f3bfe27d9bc0317214db2c100be6a02b1c8"


@settings(max_examples=50)
@given(batch=st.lists(texts, min_size=1, max_size=5), dimensions=st.integers(128, 3072))
def test_a_vector_depends_on_its_text_alone(batch: list[str], dimensions: int) -> None:
    """Neither its neighbours in the batch nor what was embedded before make a difference."""
    together = EMBEDDER.vectors(batch, dimensions)
    assert together.shape == (len(batch), dimensions)
    assert together.dtype == np.float32
    assert np.array_equal(together[-1], vector_of(batch[-1], MODEL, dimensions))


@settings(max_examples=50)
@given(one=texts, other=texts)
def test_different_texts_have_different_vectors(one: str, other: str) -> None:
    """A mixed-up vector is noticed, also between texts that have the same words."""
    a, b = EMBEDDER.vectors([one, other], 128)
    assert np.array_equal(a, b) == (one == other)


@pytest.mark.parametrize("text", ["!", "…", " ", "-- --", "a", "word " * 5000, "海運"])
@pytest.mark.parametrize("dimensions", [128, 768, 3072])
def test_every_vector_has_a_length_but_not_of_one(text: str, dimensions: int) -> None:
    """Also a text without words has a vector; a client has to normalise each."""
    length = float(np.linalg.norm(vector_of(text, MODEL, dimensions)))
    assert 0.59 < length < 0.86


def test_models_have_spaces_of_their_own() -> None:
    """The same text is nowhere near itself in another model's space."""
    text = "Container ships call at ports of Asia"
    one, other = vector_of(text, MODEL, 768), vector_of(text, "gemini-embedding-2", 768)
    assert abs(float(one @ other)) < 0.2


def test_a_query_is_nearest_to_the_document_that_shares_its_words() -> None:
    """Word forms count a little, other words not at all."""
    query = "Maersk container shipping routes Asia"
    near = "The carrier Maersk ships containers along its routes between Asia and Europe."
    far = "Banana bread wants ripe fruit, flour, butter and an hour of moderate heat."
    assert similarity(query, near) > 0.4
    assert abs(similarity(query, far)) < 0.15
    assert similarity("shipping", "shippers") > 0.2


def test_case_order_and_punctuation_hardly_count() -> None:
    """The vectors are of words."""
    assert similarity("Ports of Asia, routes.", "routes of asia: PORTS") > 0.95
