"""What was lost of a document, in words."""

from __future__ import annotations

import pytest

from waypoint.formats.losses import MOST_WARNINGS, Losses, bounded, ranges


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([], ""),
        ([7], "7"),
        ([1, 2], "1 to 2"),
        ([2, 3, 4, 7, 9, 10], "2 to 4, 7, 9 to 10"),
        ([1_000, 1_001], "1,000 to 1,001"),
        (list(range(1, 26, 2)), "1, 3, 5, 7, 9, 11, 13, 15, 17, 19 and 3 more"),
    ],
)
def test_numbers_are_told_as_ranges(numbers: list[int], told: str) -> None:
    """At most ten of them."""
    assert ranges(numbers) == told


def test_one_warning_tells_all_places_of_a_kind_of_loss() -> None:
    """In the order in which the kinds were met; a place that is met twice is one."""
    losses = Losses()
    for page in (3, 2, 2):
        losses.add("images without text", "page", page)
    losses.add("embedded files not read")
    losses.add("equations not read", "slide", 5)
    losses.add("embedded files not read")
    assert losses.warnings() == (
        "images without text: pages 2 to 3",
        "embedded files not read: 2",
        "equations not read: slide 5",
    )


def test_very_many_warnings_are_cut_off() -> None:
    """A document with 64 odd fields is not told in 64 sentences."""
    told = bounded(f"field {number}" for number in range(MOST_WARNINGS + 14))
    assert (len(told), told[-1]) == (MOST_WARNINGS + 1, "14 more warnings")
    assert bounded(["odd", "odd"]) == ("odd",)
