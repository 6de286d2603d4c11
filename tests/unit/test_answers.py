"""Answers as they come over the wire: read alike by both parsers, and never half."""

from __future__ import annotations

import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.bounded_http import AnswerBody
from waypoint.embedding.port import TransientCallError
from waypoint.embedding.providers.gemini_answers import HAS_SIMDJSON, read_answer

PARSERS = [False, True] if HAS_SIMDJSON else [False]

finite = st.floats(width=32, min_value=-(2.0**60), max_value=2.0**60, allow_subnormal=False)
rows = st.integers(1, 6).flatmap(
    lambda dimensions: st.lists(
        st.lists(finite, min_size=dimensions, max_size=dimensions).filter(
            lambda row: math.hypot(*row) > 1e-6
        ),
        min_size=1,
        max_size=5,
    )
)


def answer_to(vectors: list[list[float]], **more: object) -> bytes:
    """As the service writes it: with line ends and blanks."""
    embeddings = [{"values": vector} for vector in vectors]
    return json.dumps({"embeddings": embeddings, **more}, indent=2).encode()


@pytest.mark.parametrize("simdjson", PARSERS)
@pytest.mark.parametrize("encoding", ["", "identity", "gzip"])
@given(vectors=rows, tokens=st.none() | st.integers(5, 10**6))
def test_vectors_come_out_at_unit_length(
    simdjson: bool, encoding: str, vectors: list[list[float]], tokens: int | None
) -> None:
    """In order, as float32 of their own, with the tokens where the answer counts them."""
    more = {} if tokens is None else {"usageMetadata": {"promptTokenCount": tokens}}
    data = answer_to(vectors, **more)
    body = AnswerBody(gzip.compress(data) if encoding == "gzip" else data, encoding)
    answer = read_answer(
        body, ["a" * 10**6] * len(vectors), dimensions=len(vectors[0]), simdjson=simdjson
    )
    exact = np.array(vectors)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    assert answer.vectors.dtype == np.float32
    assert answer.vectors.flags.writeable
    np.testing.assert_allclose(answer.vectors, exact, atol=2e-7)
    assert answer.tokens == tokens


@pytest.mark.parametrize("simdjson", PARSERS)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"embeddings": [{"values": [NaN, 1]}]}', "not JSON"),
        (b'{"embeddings": [{"values": [1, 2]}]', "not JSON"),
        (b"{}", "not an answer's form"),
        (b"[]", "not an answer's form"),
        (b"7", "not an answer's form"),
        (b'{"embeddings": [5]}', "not an answer's form"),
        (b'{"embeddings": [{"other": [1, 2]}]}', "not an answer's form"),
        (b'{"embeddings": []}', "0 vectors for 1 texts"),
        (b'{"embeddings": [{"values": [1, 2]}, {"values": [1, 2]}]}', "2 vectors for 1 texts"),
        (b'{"embeddings": [{"values": [1, 2, 3]}]}', "not of 2 dimensions"),
        (b'{"embeddings": [{"values": []}]}', "not of 2 dimensions"),
        (b'{"embeddings": [{"values": [0, 0]}]}', "length zero"),
        (b'{"embeddings": [{"values": [1e39, 1]}]}', "not finite"),
        (b'{"embeddings": [{"values": [1, null]}]}', "values that are not "),
        (b'{"embeddings": [{"values": 7}]}', ""),
        (b'{"embeddings": [{"values": [1e999, 1]}]}', ""),
    ],
)
def test_what_is_not_an_answer_is_tried_again(simdjson: bool, data: bytes, reason: str) -> None:
    """Each with status 200, so that nothing but its content tells."""
    with pytest.raises(TransientCallError) as caught:
        read_answer(AnswerBody(data, ""), ["aa"], dimensions=2, simdjson=simdjson)
    assert reason in caught.value.reason
    assert caught.value.status == 200


BEYOND_64_BITS = b'{"embeddings": [{"values": [123456789012345678901234567890, 0]}]}'


@pytest.mark.skipif(not HAS_SIMDJSON, reason="simdjson has no wheel for this Python")
def test_a_number_beyond_64_bits_is_no_json_to_simdjson() -> None:
    """It is tried again, and ends nothing."""
    with pytest.raises(TransientCallError, match="not JSON"):
        read_answer(AnswerBody(BEYOND_64_BITS, ""), ["aa"], dimensions=2, simdjson=True)


def test_a_number_beyond_64_bits_is_one_to_orjson() -> None:
    """As good as any other."""
    answer = read_answer(AnswerBody(BEYOND_64_BITS, ""), ["aa"], dimensions=2, simdjson=False)
    assert answer.vectors.tolist() == [[1.0, 0.0]]


def test_vectors_of_unequal_length_are_no_answer() -> None:
    """Whichever parser read them."""
    data = answer_to([[1.0, 2.0], [1.0]])
    for simdjson in PARSERS:
        with pytest.raises(TransientCallError, match="unequal length"):
            read_answer(AnswerBody(data, ""), ["aa"] * 2, dimensions=2, simdjson=simdjson)


@given(cut=st.integers(0, 60), seed=st.integers(0, 255))
def test_a_damaged_package_is_tried_again(cut: int, seed: int) -> None:
    """Cut short or with another byte in it; gzip's check sum finds the rest."""
    packed = gzip.compress(answer_to([[0.25, -0.5], [0.125, 1.0]]))
    cut = min(cut, len(packed) - 1)
    with pytest.raises(TransientCallError):
        read_answer(AnswerBody(packed[:cut], "gzip"), ["aa"] * 2, dimensions=2)
    damaged = bytearray(packed)
    # Behind the header, of which some bytes say nothing of the content.
    place = 10 + seed % (len(packed) - 10)
    damaged[place] ^= 1 + seed % 255
    with pytest.raises(TransientCallError):
        read_answer(AnswerBody(bytes(damaged), "gzip"), ["aa"] * 2, dimensions=2)


def test_another_packing_is_named() -> None:
    """It was not asked for."""
    with pytest.raises(TransientCallError, match="'br'"):
        read_answer(AnswerBody(b"x", "br"), ["aa"], dimensions=2)


@pytest.mark.parametrize("simdjson", PARSERS)
@pytest.mark.parametrize(
    "usage",
    [
        *("3", "null", "[]", '"x"', '{"promptTokenCount": -1}', '{"promptTokenCount": 0}'),
        *('{"promptTokenCount": 1e18}', '{"promptTokenCount": 1000000000000000000}'),
        *('{"promptTokenCount": true}', '{"promptTokenCount": "7"}', '{"promptTokenCount": 20}'),
    ],
)
def test_a_count_of_tokens_that_cannot_be_one_is_none(simdjson: bool, usage: str) -> None:
    """The vectors beside it are good; no text has more tokens than bytes, and each has one."""
    data = f'{{"embeddings": [{{"values": [1, 2]}}], "usageMetadata": {usage}}}'.encode()
    answer = read_answer(AnswerBody(data, ""), ["ab"], dimensions=2, simdjson=simdjson)
    assert answer.vectors.shape == (1, 2)
    assert answer.tokens is None


def test_an_answer_that_is_too_large_is_not_unpacked() -> None:
    """No more than the texts' vectors can have."""
    body = AnswerBody(gzip.compress(b" " * 2**22), "gzip")
    with pytest.raises(TransientCallError, match="more than"):
        read_answer(body, ["aa"], dimensions=2)
