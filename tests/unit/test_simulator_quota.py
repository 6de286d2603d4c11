"""The simulator's quotas: exact to the nanosecond, and refused calls count nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.simulator.quota import (
    DAY_NS,
    MINUTE_NS,
    SECOND_NS,
    Limit,
    Quota,
    QuotaExceeded,
    Window,
)
from waypoint.simulator.settings import SimulatorSettings

Call = tuple[int, int, int]
"""Nanoseconds since the call before, texts, tokens."""

gaps = st.one_of(
    st.integers(0, 30 * SECOND_NS),
    st.sampled_from([0, 1, MINUTE_NS - 1, MINUTE_NS, MINUTE_NS + 1]),
)
calls = st.lists(st.tuples(gaps, st.integers(1, 100), st.integers(1, 5000)), max_size=60)


def admit(
    quota: Quota, now: int, texts: int, tokens: int, settings: SimulatorSettings
) -> QuotaExceeded | None:
    """Count a call if it fits, as the service does."""
    exceeded = quota.check(now, texts, tokens, settings)
    if exceeded is None:
        quota.count(now, texts, tokens, settings)
    return exceeded


def admitted_of(calls: list[Call], settings: SimulatorSettings) -> list[tuple[int, int, int]]:
    """The calls let in, as (time, texts, tokens)."""
    quota, now, admitted = Quota(0), 0, []
    for gap, texts, tokens in calls:
        now += gap
        if admit(quota, now, texts, tokens, settings) is None:
            admitted.append((now, texts, tokens))
    return admitted


@given(calls=calls, rpm=st.integers(50, 300), tpm=st.integers(2000, 12_000))
def test_no_sliding_minute_admits_more_than_the_quota(
    calls: list[Call], rpm: int, tpm: int
) -> None:
    """Any 60 s, wherever they begin, hold at most the quota of texts and of tokens."""
    admitted = admitted_of(calls, SimulatorSettings(rpm=rpm, tpm=tpm))
    for begin, _, _ in admitted:
        inside = [call for call in admitted if begin <= call[0] < begin + MINUTE_NS]
        assert sum(texts for _, texts, _ in inside) <= rpm
        assert sum(tokens for _, _, tokens in inside) <= tpm


@given(calls=calls, rpm=st.integers(100, 300))
def test_a_call_that_fits_is_admitted(calls: list[Call], rpm: int) -> None:
    """What is refused would have broken the window: nothing but admitted calls is counted."""
    settings = SimulatorSettings(rpm=rpm)
    quota, now = Quota(0), 0
    admitted: list[tuple[int, int]] = []
    for gap, texts, tokens in calls:
        now += gap
        used = sum(amount for time, amount in admitted if time > now - MINUTE_NS)
        fits = admit(quota, now, texts, tokens, settings) is None
        assert fits == (used + texts <= rpm)
        if fits:
            admitted.append((now, texts))


@given(calls=calls, window=st.sampled_from(["sliding", "fixed"]))
def test_waiting_for_the_delay_is_enough_and_less_is_not(calls: list[Call], window: str) -> None:
    """A refused call is admitted after its delay, and still refused a nanosecond before."""
    settings = SimulatorSettings().changed(rpm=100, tpm=5000, quota_window=window)
    quota, now = Quota(0), 0
    for gap, texts, tokens in calls:
        now += gap
        exceeded = admit(quota, now, texts, tokens, settings)
        if exceeded is None:
            continue
        now += exceeded.retry_after_ns
        assert admit(quota, now - 1, texts, tokens, settings) is not None
        assert admit(quota, now, texts, tokens, settings) is None


@given(calls=calls, rpm=st.integers(50, 300))
def test_no_fixed_minute_admits_more_than_the_quota(calls: list[Call], rpm: int) -> None:
    """With fixed windows each minute of the clock stands for itself."""
    admitted = admitted_of(calls, SimulatorSettings(rpm=rpm, quota_window="fixed"))
    for minute in {time // MINUTE_NS for time, _, _ in admitted}:
        assert sum(n for time, n, _ in admitted if time // MINUTE_NS == minute) <= rpm


def test_fixed_windows_admit_two_quotas_around_their_border() -> None:
    """The difference from sliding windows: the end of one minute and the start of the next."""
    calls = [(59 * SECOND_NS, 100, 1), (2 * SECOND_NS, 100, 1)]
    assert len(admitted_of(calls, SimulatorSettings(rpm=100, quota_window="fixed"))) == 2
    assert len(admitted_of(calls, SimulatorSettings(rpm=100))) == 1


def test_a_day_is_fixed_and_its_delay_is_short() -> None:
    """A used-up day tells a delay that does not help, as the service does."""
    quota, settings = Quota(0), SimulatorSettings(rpd=100)
    assert admit(quota, 0, 100, 1, settings) is None
    exceeded = admit(quota, SECOND_NS, 1, 1, settings)
    assert exceeded is not None
    assert [violation.limit for violation in exceeded.violations] == [Limit.TEXTS_PER_DAY]
    assert exceeded.retry_after_ns < MINUTE_NS
    assert admit(quota, SECOND_NS + exceeded.retry_after_ns, 1, 1, settings) is not None
    assert admit(quota, DAY_NS, 1, 1, settings) is None


def test_calls_can_be_what_counts() -> None:
    """Counted by calls, a batch of a hundred is one."""
    calls = [(0, 100, 1)] * 5
    assert len(admitted_of(calls, SimulatorSettings(rpm=3, quota_unit="calls"))) == 3


def test_all_broken_quotas_are_named_with_the_longest_delay() -> None:
    """A call that breaks two quotas waits for both."""
    quota, settings = Quota(0), SimulatorSettings(rpm=10, tpm=100)
    assert admit(quota, 0, 1, 100, settings) is None
    assert admit(quota, SECOND_NS, 9, 1, settings) is not None
    assert admit(quota, SECOND_NS, 9, 0, settings) is None
    exceeded = admit(quota, 2 * SECOND_NS, 9, 100, settings)
    assert exceeded is not None
    assert {violation.limit for violation in exceeded.violations} == {
        Limit.TEXTS_PER_MINUTE,
        Limit.TOKENS_PER_MINUTE,
    }
    assert exceeded.retry_after_ns == MINUTE_NS - SECOND_NS


@pytest.mark.parametrize("fixed", [False, True])
def test_an_amount_above_the_limit_is_told_a_whole_window(fixed: bool) -> None:
    """What never fits has no true delay."""
    assert Window(MINUTE_NS, fixed=fixed).wait_ns(5, 101, 100) == MINUTE_NS
