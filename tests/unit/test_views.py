"""Terminal, live page, metrics and report show the same of a run, whatever its events are."""

from __future__ import annotations

import io

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.support.monitoring import QUOTA, ToldRun
from waypoint.monitor.metrics import RunCollector
from waypoint.monitor.monitor import DELAY_BOUNDS
from waypoint.monitor.view import end_of, health_of
from waypoint.observe import events
from waypoint.observe.display import LiveDisplay, figures, time_left
from waypoint.observe.gauges.histogram import Histogram
from waypoint.observe.outlook import Outlook, Range
from waypoint.observe.terminal import Terminal

COUNT = st.integers(0, 500)
SECONDS = st.floats(0, 100)
EVENTS = st.one_of(
    st.builds(events.Surveyed, COUNT, COUNT),
    st.builds(events.FilesFound, COUNT, COUNT, COUNT, COUNT),
    st.builds(events.DocumentsFound, COUNT, COUNT),
    st.builds(events.DocumentUnchanged, st.just("a.md"), COUNT),
    st.builds(events.DocumentRejected, st.just("b.md"), st.just("why"), st.just(""), COUNT),
    st.builds(events.DocumentChunked, st.just("c.md"), COUNT, COUNT, COUNT),
    st.builds(events.ChunksDeduplicated, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT),
    st.builds(events.CallStarted, COUNT, COUNT, st.just(1)),
    st.builds(events.CallAnswered, COUNT, COUNT, SECONDS),
    st.builds(events.CallEnded, COUNT, st.sampled_from([None, 200, 429, 503]), SECONDS),
    st.builds(events.CallFailed, st.just("503"), st.just(503), SECONDS, st.just(1)),
    st.builds(events.TextsEmbedded, COUNT, COUNT, st.floats(0, 1)),
    st.builds(events.TextsLost, COUNT, COUNT, st.floats(0, 1), st.booleans()),
    st.builds(events.TextRejected, st.just("c.md"), st.just("c:1"), st.just("400")),
    st.builds(events.ChunksWritten, COUNT, COUNT, COUNT, SECONDS),
    st.builds(events.DocumentCompleted, st.just("c.md"), COUNT, COUNT, SECONDS),
    st.builds(events.DocumentRemoved, st.just("d.md"), COUNT),
    st.builds(events.RunRepeated, st.booleans()),
    st.builds(events.Draining, st.just("SIGINT received")),
    st.just(events.WaitingForDailyReset("2999-01-01T08:00:00+00:00")),
)
STEPS = st.lists(st.tuples(EVENTS, st.integers(0, 8)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.booleans(), st.booleans())
def test_all_views_agree(steps: list[tuple[events.Event, int]], busy: bool, limited: bool) -> None:
    """On counts, rate, time left and state."""
    run = ToldRun(quota=QUOTA if limited else None, stall_after=20.0)
    gauge = run.gauges.stage("embed")
    with gauge.running():
        for event, seconds in steps:
            run.tell(event)
            gauge.items_in += busy
            run.pass_seconds(seconds)
        agree(run)
    agree(run)
    run.tell(events.RunEnded(1, 1, "message", "hint", 9.0, "rejects.jsonl"))
    agree(run)


def agree(run: ToldRun) -> None:
    view = run.view()
    report = orjson.loads(run.progress.report.to_json())
    registry = CollectorRegistry()
    registry.register(RunCollector(run.status, Histogram(DELAY_BOUNDS)))
    shown = figures(run.status)
    documents, chunks, outlook = view["documents"], view["chunks"], view["outlook"]
    # Counts.
    assert (documents, chunks, view["calls"]) == (
        report["documents"], report["chunks"], report["calls"],
    )  # fmt: skip
    assert (
        shown[0].split("/")[0].split()[0] == f"{documents['ingested'] + documents['unchanged']:,}"
    )
    assert shown[1] == f"{view['settled']:,}/{chunks['cut']:,} chunks"
    assert f"${report['cost_usd']:.4f}" in shown
    for name in ("unchanged", "ingested", "rejected", "removed"):
        sample = registry.get_sample_value("waypoint_documents_total", {"outcome": name})
        assert sample == documents[name]
    for name, value in (
        ("texts_embedded_total", view["embedded"]["texts"]),
        ("cost_usd_total", view["embedded"]["usd"]),
        ("chunks_cut_total", chunks["cut"]),
        ("calls_in_flight", view["calls_in_flight"]),
    ):
        assert registry.get_sample_value(f"waypoint_{name}") == value
    assert (view["embedded"]["texts"], view["embedded"]["usd"]) == (
        report["texts_embedded"], report["cost_usd"],
    )  # fmt: skip
    # Rate and time left.
    assert shown[2] == f"{view['pace']:,.0f} texts/s"
    seconds = outlook["seconds"] and Range(**outlook["seconds"])
    assert shown[-1] == time_left(Outlook(None, seconds, None, "", ""))
    assert registry.get_sample_value("waypoint_progress_ratio") == view["share"]
    # State.
    health = health_of(run.status)
    assert health["status"] == view["health"]["status"]
    good = registry.get_sample_value("waypoint_healthy")
    assert good == (view["health"]["status"] not in ("stalled", "failing"))
    console = Terminal(file=io.StringIO(), width=400)
    console.print(LiveDisplay(console, run.status)._draw())
    assert view["doing"] in console.file.getvalue()  # type: ignore[attr-defined]
    if view["health"]["status"] == "ended":
        ended = end_of(run.status)
        assert ended == {name: report[name] for name in ended}
