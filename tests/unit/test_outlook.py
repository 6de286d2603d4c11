"""What is still to come: ranges that hold the truth, and no figure where nothing is known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.observe.outlook import DocumentSums, Facts, Range, look_ahead

STEADY = Facts(
    uncut=Range(0, 0), cut=10_000, looked_up=10_000, to_embed=10_000, embedded=4_000,
    cost_each=0.00001, calls=400, rate=50.0, mean_rate=49.0, rpm=3_000, day_left=None,
)  # fmt: skip


def test_a_steady_pace_and_a_known_rest_are_sure() -> None:
    """6,000 texts at 50 a second are two minutes; at a cent a thousand, six cents."""
    outlook = look_ahead(STEADY)
    assert outlook.sure == "sure"
    assert outlook.texts == Range(6_000, 6_000)
    assert outlook.seconds is not None
    # Never sooner than the quota allows.
    assert outlook.seconds.low == 120
    assert 120 < outlook.seconds.high < 140
    assert outlook.cost_usd is not None
    assert (outlook.cost_usd.low, outlook.cost_usd.high) == pytest.approx((0.06, 0.06))


@pytest.mark.parametrize(
    ("changes", "sure", "why"),
    [
        ({"rate": 20.0}, "a guess", "the rate varies"),
        ({"calls": 16, "embedded": 200}, "rough", "the rate varies, or is known from few calls"),
        ({"uncut": Range(1_000, 90_000)}, "a guess", "still to be read"),
        ({"calls": 2}, "unknown", "too few calls"),
        ({"uncut": None}, "unknown", "the folder was not counted"),
        (
            {"looked_up": 0, "to_embed": 0, "uncut": Range(1, 2)},
            "unknown",
            "nothing has been looked",
        ),
        ({"day_left": 100}, "unknown", "the day's quota"),
        ({"embedded": 10_000}, "sure", "known"),
        ({"to_embed": 0, "embedded": 0, "calls": 0}, "unknown", "nothing is left to embed"),
    ],
)
def test_doubt_is_told(changes: dict[str, object], sure: str, why: str) -> None:
    """How much, and what it comes from."""
    outlook = look_ahead(replace(STEADY, **changes))  # type: ignore[arg-type]
    assert outlook.sure == sure
    assert why in outlook.why
    assert (outlook.seconds is None) == (sure == "unknown")


def test_what_was_paid_before_costs_nothing_to_come() -> None:
    """If one in ten of the chunks looked up had to be embedded, so will one in ten of the rest."""
    outlook = look_ahead(
        replace(STEADY, cut=20_000, looked_up=10_000, to_embed=1_000, embedded=1_000)
    )
    assert outlook.texts == Range(1_000, 1_000)


@given(
    sizes=st.lists(
        st.tuples(st.integers(100, 100_000), st.integers(0, 200)), min_size=2, max_size=40
    ),
    left=st.integers(0, 10**7),
)
def test_a_range_is_one(sizes: list[tuple[int, int]], left: int) -> None:
    """From low to high, not below zero, around what the ratio says."""
    sums = DocumentSums()
    for size, chunks in sizes:
        sums.add(size, chunks)
    expected = sums.expect(left)
    assert expected is not None
    guess = sums.chunks / sums.bytes * left
    assert 0 <= expected.low <= guess * (1 + 1e-9)
    assert guess * (1 - 1e-9) <= expected.high


def test_two_standard_errors_hold_the_truth_nearly_always() -> None:
    """Of 300 folders of uneven documents, a third of each cut, at least 270."""
    draw = random.Random(7)
    held = 0
    for _ in range(300):
        documents = []
        for _ in range(60):
            size = draw.randint(1_000, 50_000)
            documents.append((size, round(size / 500 * draw.uniform(0.5, 2))))
        sums = DocumentSums()
        for size, chunks in documents[:20]:
            sums.add(size, chunks)
        expected = sums.expect(sum(size for size, _ in documents[20:]))
        assert expected is not None
        held += expected.low <= sum(chunks for _, chunks in documents[20:]) <= expected.high
    assert held >= 270


def test_before_the_first_document_nothing_is_expected() -> None:
    """Nor guessed; and where nothing is left, nothing is to come."""
    assert DocumentSums().expect(1_000) is None
    assert DocumentSums().expect(0) == Range(0, 0)
    one = DocumentSums()
    one.add(1_000, 10)
    assert one.expect(1_000) == Range(5, 20)
