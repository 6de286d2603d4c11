"""What every provider's answer is held to before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from waypoint.embedding.port import TransientCallError
from waypoint.models import Vectors

TOKENS_A_TEXT = 16
"""Tokens of a text that stand for none of its bytes, such as its beginning and its end."""


def normalised(values: list[Any], *, texts: int, dimensions: int) -> Vectors:
    """Check an answer's vectors and bring them to unit length.

    Below 3,072 dimensions the service's vectors are not of unit length (its documentation).

    Raises:
        TransientCallError: other than ``texts`` vectors, another dimension, or a value that
            is not finite. A short answer says nothing about which text each vector is for,
            so none of it is used.
    """
    if len(values) != texts:
        raise TransientCallError(f"{len(values)} vectors for {texts} texts", 200)
    try:
        with np.errstate(over="ignore"):
            vectors = np.array(values, dtype=np.float32)
    except (TypeError, ValueError):
        raise TransientCallError("vectors of unequal length or with non-numbers", 200) from None
    if vectors.ndim != 2 or vectors.shape[1] != dimensions:
        raise TransientCallError(f"vectors are not of {dimensions} dimensions", 200)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    # A length is finite only if all its vector's values are.
    if not np.isfinite(lengths).all():
        raise TransientCallError("vectors with values that are not finite", 200)
    if not lengths.all():
        raise TransientCallError("a vector of length zero", 200)
    vectors /= lengths[:, np.newaxis]
    return vectors


def credible_tokens(count: object, texts: Sequence[str]) -> int | None:
    """The service's count of the texts' tokens; None for what cannot be one.

    No token is less than a byte of a text, and each text has one. A count beyond that would
    empty a budget, or let it be exceeded.
    """
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    most = sum(len(text.encode()) + TOKENS_A_TEXT for text in texts)
    return count if len(texts) <= count <= most else None
