"""What the page is told of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from tests.support.monitoring import QUOTA, SOME_WORK, ToldRun
from waypoint.monitor.view import end_of
from waypoint.observe import events
from waypoint.observe.gauges import doing


def test_the_latest_are_listed_newest_first() -> None:
    """A dozen of each at most, by name and reason."""
    run = ToldRun()
    for number in range(30):
        run.tell(
            events.DocumentCompleted(f"{number}.md", number, 1, 1.5),
            events.TextRejected(f"{number}.md", f"{number}:x", "400"),
        )
    latest = run.view()["latest"]
    assert [done["source"] for done in latest["documents"]] == [
        f"{n}.md" for n in range(29, 17, -1)
    ]
    assert latest["rejects"][0] | {"at": ""} == {
        "at": "", "source": "29.md", "chunk": "29:x", "reason": "400",
    }  # fmt: skip
    assert len(latest["rejects"]) == 12


@pytest.mark.parametrize(
    ("waiting_for", "words"),
    [
        ("texts", "embedding, paced by quota: 2,910 of 3,000 texts this minute"),
        ("tokens", "embedding, paced by quota: 240,000 of 1,000,000 tokens this minute"),
        ("service", "embedding, paced by quota: the service said to wait (429)"),
    ],
)
def test_a_wait_for_quota_is_told_in_words(waiting_for: str, words: str) -> None:
    """Also for a moment after it was seen, since it is interrupted by every call."""
    run = ToldRun(quota=replace(QUOTA, waiting_for=waiting_for))
    with run.gauges.stage("embed").running():
        run.pass_seconds(1)
        run.quota = QUOTA
        run.tell(*SOME_WORK)
        run.pass_seconds(2)
        view = run.view()
        assert view["doing"] == words
        assert view["health"]["status"] == "waiting"
        run.pass_seconds(3)
        assert run.view()["doing"].startswith("embed is the bottleneck")


def test_more_urgent_words_come_first() -> None:
    """A stop, a day without quota left, a stall."""
    run = ToldRun(stall_after=30)
    run.pass_seconds(1)
    assert run.view()["doing"].startswith("getting ready")
    with run.gauges.stage("embed").running(), doing("backoff"):
        run.pass_seconds(40)
        words = run.view()["doing"]
        assert words == "stalled: embed has not moved for 39s: it backs off after failed calls"
        assert run.status.look().outlook.why == "the run is stalled"
        until = datetime.now(UTC) + timedelta(hours=5)
        run.tell(events.WaitingForDailyReset(until.isoformat("T", "seconds")))
        run.pass_seconds(1)
        assert run.status.now.health.good
        assert run.status.look().outlook.why == "the run waits for the day's quota"
        assert run.view()["doing"].startswith("waiting for the day's quota: more texts at")
        run.tell(events.Draining("SIGINT received"))
        assert run.view()["doing"].startswith("stopping (SIGINT received)")


def test_what_is_to_come_follows_from_what_was() -> None:
    """1,000 bytes are left to cut at 100 chunks a thousand; 165 of 200 had to be embedded."""
    run = ToldRun()
    run.tell(*SOME_WORK)
    run.pass_seconds(10)
    texts = run.status.look().outlook.texts
    assert texts is not None
    assert (texts.low, texts.high) == pytest.approx([65 + 100 * 165 / 200] * 2)


def test_everything_told_is_json() -> None:
    """At the beginning, on the way and at the end."""
    run = ToldRun()
    orjson.dumps(run.view())
    run.tell(*SOME_WORK)
    run.pass_seconds(3)
    orjson.dumps(run.view())
    run.tell(events.RunEnded(1, 1, "", "", 3.0))
    ended = orjson.loads(orjson.dumps(end_of(run.status)))
    assert ended["documents"]["ingested"] == 1
    assert run.view()["health"]["status"] == "ended"
