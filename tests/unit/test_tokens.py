"""Estimates of tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.embedding.tokens import estimate_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 1),
        ("a", 1),
        ("four", 1),
        ("fives", 2),
        ("x" * 600, 150),
        ("Zürich", 2),
        ("東京港", 3),
        ("東京 port", 4),
        ("부산항", 3),
        ("カタカナ", 4),
        ("\U00020bb7", 1),
    ],
)
def test_an_estimate(text: str, tokens: int) -> None:
    """Four characters a token, but one for each of Chinese, Japanese and Korean; rounded up."""
    assert estimate_tokens(text) == tokens


@given(st.text(), st.text())
def test_a_longer_text_never_has_fewer_tokens(begin: str, end: str) -> None:
    """And a text never has more tokens than characters, nor than its parts together."""
    whole = estimate_tokens(begin + end)
    assert whole >= estimate_tokens(begin)
    assert whole <= estimate_tokens(begin) + estimate_tokens(end)
    assert whole <= max(1, len(begin + end))
