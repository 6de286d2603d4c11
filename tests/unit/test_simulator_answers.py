"""The simulator's answers: JSON that says exactly what the vectors are."""

from __future__ import annotations

import gzip
import json

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from waypoint.simulator.answers import AnswerWriter, four_digits

DIGITS = four_digits()
LARGEST = 99_999_999


def answer_of(*slices: NDArray[np.int32], single: bool = False, zipped: bool = False) -> bytes:
    """An answer made of slices of vectors."""
    writer = AnswerWriter(DIGITS, single=single, gzip=zipped)
    for index, values in enumerate(slices):
        writer.add(values, last=index == len(slices) - 1)
    return writer.finish(None)


@settings(max_examples=50)
@given(
    rows=st.lists(
        st.lists(st.integers(-LARGEST, LARGEST), min_size=3, max_size=3), min_size=2, max_size=6
    )
)
def test_each_value_is_written_exactly(rows: list[list[int]]) -> None:
    """Every decimal arrives, its sign and its leading zeros too, across slices."""
    values = np.array(rows, np.int32)
    parsed = json.loads(answer_of(values[:1], values[1:]))
    assert [vector["values"] for vector in parsed["embeddings"]] == [
        [value / 10**8 for value in row] for row in rows
    ]


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("tokens", [None, 17])
def test_strict_parsers_accept_every_form(single: bool, tokens: int | None) -> None:
    """One vector or many, with usage or without."""
    writer = AnswerWriter(DIGITS, single=single, gzip=False)
    writer.add(np.array([[1, -2]], np.int32), last=True)
    parsed = orjson.loads(writer.finish(tokens))
    vector = parsed["embedding"] if single else parsed["embeddings"][0]
    assert vector == {"values": [1e-8, -2e-8]}
    assert parsed.get("usageMetadata") == (tokens and {"promptTokenCount": tokens})


def test_no_vector_at_all_is_an_empty_list() -> None:
    """What is left of an answer to one text that lacks a vector."""
    assert json.loads(AnswerWriter(DIGITS, single=False, gzip=False).finish(None)) == {
        "embeddings": []
    }


def test_gzip_holds_the_same_bytes() -> None:
    """Zipped or not, an answer is the same, with about 21 bytes a value."""
    values = np.arange(-5000, 5000, dtype=np.int32).reshape(10, 1000) * 9999
    plain = answer_of(values)
    assert gzip.decompress(answer_of(values, zipped=True)) == plain
    assert 21 <= len(plain) / values.size < 21.1


def test_a_first_value_can_be_spoilt() -> None:
    """Only the first value of the slice is replaced."""
    writer = AnswerWriter(DIGITS, single=False, gzip=False)
    writer.add(np.array([[1, 2], [3, 4]], np.int32), last=True, first_value=b"null")
    first, second = json.loads(writer.finish(None))["embeddings"]
    assert first["values"] == [None, 2e-8]
    assert second["values"] == [3e-8, 4e-8]
