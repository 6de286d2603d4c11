"""Raised and lowered text in plain characters."""

from __future__ import annotations

import pytest

from waypoint.formats.text.scripts import Script, with_scripts


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([("", "10"), ("^", "6")], "10^6"),
        ([("", "10"), ("^", "\u22126"), ("", " m")], "10^\u22126 m"),
        ([("", "x"), ("^", "n+1")], "x^{n+1}"),
        ([("", "2"), ("^", "3"), ("", "4")], "2^{3}4"),
        ([("", "x"), ("_", "i"), ("^", "2")], "x_i^2"),
        ([("", "CO"), ("_", "2")], "CO2"),
        ([("", "log"), ("_", "2"), ("", "8")], "log_{2}8"),
        ([("", "1011"), ("_", "2")], "1011_2"),
        ([("", "the 2"), ("^", "nd"), ("", " of May")], "the 2nd of May"),
        ([("", "19"), ("^", "e"), ("", " siècle")], "19e siècle"),
        ([("", "e"), ("^", "x")], "e^x"),
        ([("", "Waypoint"), ("^", "TM")], "WaypointTM"),
        ([("", "M"), ("^", "me"), ("", " Curie")], "Mme Curie"),
        ([("", "word"), ("^", "12")], "word^12"),
        ([("", "word "), ("^", "12")], "word 12"),
        ([("^", "12"), ("", "C")], "12C"),
        ([("", "a"), ("^", " "), ("", "b")], "a b"),
        ([("", "10"), ("^", "1"), ("^", "2"), ("", "")], "10^12"),
        ([], ""),
    ],
)
def test_no_number_becomes_another(pieces: list[tuple[Script, str]], text: str) -> None:
    """What would be read as part of the number or word before it gets a sign."""
    assert with_scripts(pieces) == text


def test_very_many_pieces_take_time_that_grows_with_their_number() -> None:
    """A paragraph may be as many runs as a file can hold."""
    pieces: list[tuple[Script, str]] = [("", "harbour ")] * 300_000
    assert len(with_scripts(pieces)) == 8 * 300_000
