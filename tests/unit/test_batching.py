"""Batches: nothing lost, nothing out of order, nothing too large."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.embedding.batching import Batch, BatchBuilder, batch_of

MAX_BYTES = 3_500_000


@dataclass(frozen=True, slots=True)
class Piece:
    """The least that can be put into a batch."""

    text: str
    tokens: int


def fill(
    pieces: list[Piece], *, max_texts: int = 100, best: tuple[int, int] = (0, 0)
) -> list[Batch[Piece]]:
    """All batches that come of these pieces."""
    builder: BatchBuilder[Piece] = BatchBuilder(max_texts, MAX_BYTES, lambda: best)
    batches = [batch for piece in pieces for batch in builder.add(piece)]
    if len(builder):
        batches.append(builder.flush())
    assert not len(builder)
    return batches


def sizes(batches: list[Batch[Piece]]) -> list[int]:
    """How many texts each has."""
    return [len(batch.items) for batch in batches]


@given(
    tokens=st.lists(st.integers(1, 2_500), max_size=200),
    max_texts=st.integers(1, 100),
    best=st.tuples(st.integers(0, 150), st.integers(0, 10_000)),
)
def test_every_text_is_in_one_batch_in_order(
    tokens: list[int], max_texts: int, best: tuple[int, int]
) -> None:
    """And no batch exceeds a limit, unless a single text does."""
    pieces = [Piece(f"text {number}", count) for number, count in enumerate(tokens)]
    batches = fill(pieces, max_texts=max_texts, best=best)
    assert [piece for batch in batches for piece in batch.items] == pieces
    for batch in batches:
        assert batch == batch_of(batch.items)
        assert 1 <= len(batch.items) <= min(max_texts, best[0] or max_texts)
        assert len(batch.items) == 1 or not best[1] or batch.tokens <= best[1]


def test_a_full_batch_does_not_wait_for_the_next_text() -> None:
    """It is given out with the text that fills it."""
    builder: BatchBuilder[Piece] = BatchBuilder(2, MAX_BYTES, lambda: (0, 0))
    assert not list(builder.add(Piece("a", 1)))
    assert sizes(list(builder.add(Piece("b", 1)))) == [2]


@pytest.mark.parametrize(
    ("best", "expected"),
    [((0, 0), [10, 2]), ((4, 0), [4, 4, 4]), ((0, 35), [3, 3, 3, 3]), ((2, 35), [2] * 6)],
)
def test_the_narrowest_limit_counts(best: tuple[int, int], expected: list[int]) -> None:
    """0 is no limit."""
    assert sizes(fill([Piece("x", 10)] * 12, max_texts=10, best=best)) == expected


def test_the_body_of_a_call_is_bounded() -> None:
    """In bytes of UTF-8, of which a sign has up to four."""
    third = MAX_BYTES // 3
    assert sizes(fill([Piece("x" * third, 1)] * 7)) == [3, 3, 1]
    assert sizes(fill([Piece("船" * (third // 3), 1)] * 7)) == [3, 3, 1]
    assert sizes(fill([Piece("x", 1), Piece("x" * MAX_BYTES, 1), Piece("x", 1)])) == [1, 1, 1]


def test_a_pace_that_changes_changes_the_batches() -> None:
    """It is asked anew with each text."""
    best = (2, 0)
    builder: BatchBuilder[Piece] = BatchBuilder(100, MAX_BYTES, lambda: best)
    batches: list[Batch[Piece]] = []
    for number in range(8):
        if number == 3:
            best = (5, 0)
        batches.extend(builder.add(Piece("x", 1)))
    assert sizes(batches) == [2, 5]
    assert len(builder) == 1


@given(st.lists(st.integers(1, 9), min_size=2, max_size=100))
def test_halves_make_the_whole(tokens: list[int]) -> None:
    """Neither is empty, so that halving comes to an end."""
    batch = batch_of(tuple(Piece(str(number), count) for number, count in enumerate(tokens)))
    first, second = batch.halves()
    assert first.items + second.items == batch.items
    assert first.items
    assert second.items
    assert first.tokens + second.tokens == batch.tokens
