"""Words looked for in a text."""

from __future__ import annotations

import pytest

from waypoint.verification.keywords import Keyword


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("HS", "the HS code", True),
        ("HS", "ships", False),
        ("hs", "the HS code", True),
        ("escalat", "Escalation of complaints", True),
        ("9%", "a rate of 9% on imports", True),
        ("9%", "a rate of 19% on imports", False),
        ("packing list", "the packing\n  list", True),
        ("毎時", "その毎時流星数", True),
        ("(a)", "see (a) below", True),
        (".*", "anything", False),
    ],
)
def test_where_a_word_occurs(word: str, text: str, found: bool) -> None:
    """At the beginning of words, in any case, over line ends, and never as a pattern."""
    assert Keyword(word).occurs_in(text) is found


def test_spans_are_those_of_the_text() -> None:
    """In characters, for highlighting."""
    assert list(Keyword("dome").spans("Dome or dome")) == [(0, 4), (8, 12)]
