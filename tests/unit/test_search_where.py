"""Conditions of a search."""

from __future__ import annotations

import pytest

from waypoint.errors import UsageError
from waypoint.query.search import parse_where


def test_conditions_become_chromas_filter() -> None:
    """One alone, several that all hold; numbers and truth values also as such."""
    assert parse_where([]) is None
    assert parse_where(["category=02 a"]) == {"category": {"$eq": "02 a"}}
    both = parse_where(["a=x=y", "b=3"])
    assert both == {
        "$and": [
            {"a": {"$eq": "x=y"}},
            {"$or": [{"b": {"$eq": "3"}}, {"b": {"$eq": 3}}, {"b": {"$eq": 3.0}}]},
        ]
    }
    assert parse_where(["c=true"]) == {"$or": [{"c": {"$eq": "true"}}, {"c": {"$eq": True}}]}


@pytest.mark.parametrize("condition", ["category", "=x", " =x"])
def test_a_condition_without_key_or_value_is_refused(condition: str) -> None:
    """Naming it, and how it should look."""
    with pytest.raises(UsageError, match="is not of the form key=value"):
        parse_where([condition])


@pytest.mark.parametrize("value", ["nan", "inf", "99999999999999999999"])
def test_what_no_filter_can_hold_stays_a_text(value: str) -> None:
    """JSON has no NaN, and Chroma's whole numbers have 64 bits."""
    assert parse_where([f"a={value}"]) == {"a": {"$eq": value}}
