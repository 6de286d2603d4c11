"""The simulator's settings, the draw of faults, and the estimate of tokens."""

from __future__ import annotations

import pytest

from waypoint.simulator import Fault, SimulatorSettings
from waypoint.simulator.calls import estimate_tokens
from waypoint.simulator.faults import FaultPicker


def test_all_problems_are_told_at_once() -> None:
    """A caller need not fix them one by one."""
    with pytest.raises(ValueError, match=r"rpm.*latency_ms.*tier.*faults"):
        SimulatorSettings().changed(rpm=-1, latency_ms="2", tier="gold", faults={Fault.HANG: 1.5})


@pytest.mark.parametrize(
    "change",
    [
        {"rpm": True},
        {"rpm": 1.5},
        {"latency_jitter_ms": float("nan")},
        {"faults": {"sunspots": 0.1}},
        {"faults": {"hang": 0.6, "internal": 0.5}},
        {"faults": {"hang": "often"}},
        {"faults": ["hang"]},
        {"fault_script": ["sunspots"]},
        {"refused_keys": "key"},
        {"api_key": ""},
        {"poison": None},
        {"record_texts": "yes"},
        {"colour": "blue"},
    ],
)
def test_impossible_changes_are_refused(change: dict[str, object]) -> None:
    """Nothing is guessed, and no name is ignored."""
    with pytest.raises(ValueError):
        SimulatorSettings().changed(**change)


def test_what_comes_from_json_gets_its_types() -> None:
    """Strings become faults, lists tuples."""
    settings = SimulatorSettings().changed(
        faults={"hang": 0.5}, fault_script=["internal", None], refused_keys=["old"]
    )
    assert settings.faults == {Fault.HANG: 0.5}
    assert settings.fault_script == (Fault.INTERNAL, None)
    assert settings.refused_keys == ("old",)


def test_keys_are_shown_nowhere() -> None:
    """Neither repr nor the public form tells a key."""
    settings = SimulatorSettings(
        api_key="s3cret", refused_keys=("s3cret",), leaked_keys=("s3cret",)
    )
    assert "s3cret" not in repr(settings) + repr(settings.public())


def test_rates_are_kept_and_a_seed_repeats_its_draw() -> None:
    """Each fault has its own share of the calls."""
    rates = {Fault.HANG: 0.2, Fault.INTERNAL: 0.1}
    drawn, again = (
        [picker.pick() for _ in range(20_000)]
        for picker in (FaultPicker(7, rates), FaultPicker(7, rates))
    )
    assert drawn == again
    assert drawn.count(Fault.HANG) == pytest.approx(4000, rel=0.1)
    assert drawn.count(Fault.INTERNAL) == pytest.approx(2000, rel=0.1)
    assert set(drawn) == {None, *rates}


def test_a_script_comes_before_the_rates() -> None:
    """A test can say what happens to the next calls."""
    picker = FaultPicker(0, {Fault.HANG: 1.0}, [None, Fault.INTERNAL])
    assert [picker.pick() for _ in range(3)] == [None, Fault.INTERNAL, Fault.HANG]


@pytest.mark.parametrize(
    ("text", "tokens"), [("a", 1), ("abcd", 1), ("abcde", 2), ("海運", 2), ("海運abcd", 3)]
)
def test_tokens_are_estimated_from_characters(text: str, tokens: int) -> None:
    """Four characters a token, one of CJK."""
    assert estimate_tokens(text) == tokens
