"""An outage: when it begins and ends, and how it is told."""

from __future__ import annotations

from tests.support.monitoring import ToldRun
from waypoint.observe import events

FAILED = events.CallFailed("the service is unavailable", 503, 4.0, 1)
TOO_MANY = events.CallFailed("too many requests", 429, 4.0, 1)
ANSWERED = events.CallAnswered(100, 1_000, 0.2)
SENT = events.CallStarted(100, 1_000, 1)


def test_it_begins_with_the_fifth_second_without_a_good_answer() -> None:
    """And ends with the next; what others wait for is no reason to call it a wait for quota."""
    run = ToldRun()
    with run.gauges.stage("embed").running():
        run.tell(SENT, ANSWERED)
        run.pass_seconds(3)
        run.tell(FAILED)
        assert run.view()["health"]["status"] == "running"
        run.pass_seconds(3)
        view = run.view()
        assert view["health"]["status"] == "failing"
        assert view["doing"] == "service failing: 503 for 6s, 1 retry, next try in 1s"
        assert not run.status.now.health.good
        assert run.status.now.outlook.why == "the run is failing"
        run.tell(FAILED, FAILED)
        run.pass_seconds(5)
        assert run.view()["doing"] == "service failing: 503 for 11s, 3 retries, trying now"
        run.tell(ANSWERED)
        assert run.view()["health"]["status"] == "running"


def test_a_failure_now_and_then_is_none() -> None:
    """As long as others are answered."""
    run = ToldRun()
    with run.gauges.stage("embed").running():
        for _ in range(20):
            run.tell(SENT, FAILED, ANSWERED)
            run.pass_seconds(4)
            assert run.view()["health"]["status"] == "running"


def test_a_refusal_for_quota_is_none() -> None:
    run = ToldRun(stall_after=1_000)
    with run.gauges.stage("embed").running():
        run.tell(SENT, TOO_MANY)
        run.pass_seconds(20)
        assert run.view()["health"]["status"] != "failing"
        # Nor does it end one.
        run.tell(FAILED, TOO_MANY)
        run.pass_seconds(1)
        assert run.view()["health"]["status"] == "failing"


def test_a_service_that_never_answered_fails_since_it_was_asked() -> None:
    run = ToldRun(stall_after=1_000)
    with run.gauges.stage("embed").running():
        run.tell(SENT)
        run.pass_seconds(60)
        assert run.view()["health"]["status"] == "running"
        run.tell(events.CallFailed("no answer within 60 s", None, 2.0, 1))
        told = run.view()["doing"]
        assert told == "service failing: no answer within 60 s for 1m00s, 1 retry, next try in 2s"


def test_chroma_has_outages_too() -> None:
    run = ToldRun()
    with run.gauges.stage("write").running():
        run.tell(events.StoreRetried("upsert", "ConnectError", 1.0))
        run.pass_seconds(6)
        run.tell(events.StoreRetried("upsert", "ConnectError", 3.0))
        told = run.view()["doing"]
        assert told == "Chroma failing: upsert: ConnectError for 6s, 2 retries, next try in 3s"
        run.tell(events.StoreRecovered("upsert", 7.0))
        assert run.view()["health"]["status"] == "running"


def test_what_is_more_urgent_is_told_first() -> None:
    """A stop; the stall that a long outage comes to be stays what is told."""
    run = ToldRun(stall_after=30)
    with run.gauges.stage("embed").running():
        run.tell(SENT, FAILED)
        run.pass_seconds(10)
        run.tell(events.Draining("SIGINT received"))
        assert run.view()["doing"].startswith("stopping (SIGINT received)")
