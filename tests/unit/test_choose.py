"""Which of a store's collections is meant where none is named."""

from __future__ import annotations

import pytest

from waypoint.query.choose import choose_name
from waypoint.settings import load_settings

REAL, SIMULATED = "waypoint_kb", "waypoint_kb_simulated"


@pytest.mark.parametrize(
    ("there", "simulate", "provider", "meant", "told"),
    [
        ([], False, "gemini", REAL, False),
        ([REAL, "others"], False, "gemini", REAL, False),
        ([SIMULATED, "others"], False, "gemini", SIMULATED, False),
        ([REAL, SIMULATED], False, "gemini", REAL, True),
        ([REAL, SIMULATED], True, "gemini", SIMULATED, False),
        ([REAL, SIMULATED], False, "simulator", SIMULATED, True),
        ([REAL], False, "simulator", REAL, False),
        ([REAL], True, "gemini", SIMULATED, False),
    ],
)
def test_the_providers_own_is_meant_or_another_that_is_alone(
    there: list[str], simulate: bool, provider: str, meant: str, told: bool
) -> None:
    """Where there are several, it is said which is taken, and how to choose the other."""
    settings = load_settings(embedding_provider=provider)
    name, notices = choose_name(there, settings, simulate=simulate)
    assert name == meant
    assert [("--collection" in notice) for notice in notices] == [True] * told


def test_a_name_that_is_given_is_meant() -> None:
    """Whatever is there."""
    settings = load_settings(collection_name="mine")
    assert choose_name([REAL, SIMULATED], settings, simulate=False) == ("mine", ())
