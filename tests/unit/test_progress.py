"""What a person sees while a run goes on: its figures, and when a line is worth showing."""

from __future__ import annotations

import io

import orjson
import pytest

from tests.support.monitoring import QUOTA, ToldRun
from waypoint.observe import events
from waypoint.observe.display import (
    LINE_EVERY,
    LineDisplay,
    LiveDisplay,
    figures,
)
from waypoint.observe.terminal import Terminal, duration
from waypoint.settings import LogFormat, LogLevel


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (75, "1m15s"),
        (3_600, "1h00m"),
        (8_130, "2h15m"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    """Two units at most."""
    assert duration(seconds) == shown


def test_figures_of_a_run_under_way() -> None:
    """Documents, chunks, rate, quota, retries, rejects, cost and time left, with their units."""
    run = ToldRun(quota=QUOTA)
    run.tell(
        events.Surveyed(1_200, 100_000),
        events.FilesFound(1_200, 100_000, 200, 20_000),
        events.DocumentRejected("c.md", "why", "", 75_000),
        events.DocumentChunked("a.md", 5_000, 3_000, 4_900),
        events.ChunksDeduplicated(present=10, from_ledger=0, same_text=0, to_embed=2_990),
        events.CallStarted(1_000, 90_000, 1),
        events.ChunksWritten(1_000, 0, 0, 1.0),
        events.DocumentCompleted("a.md", 3_000, 5_000),
        events.DocumentUnchanged("b.md", 0),
        events.CallFailed("503", 503, 1.0, 1),
        *[events.CallAnswered(100, 9_000, 0.5)] * 100,
    )
    run.pass_seconds(10)
    run.tell(events.TextsEmbedded(1_000, 90_000, 0.0135))
    run.status.look()
    assert figures(run.status) == [
        "202/1,200 documents", "1,010/3,000 chunks", "100 texts/s", "97% of quota", "1 retried",
        "1 rejected", "$0.0135", "20s to 22s left",
    ]  # fmt: skip


def test_figures_of_which_nothing_is_known_yet() -> None:
    """No guess is shown as a fact, and nothing is divided by zero."""
    assert figures(ToldRun().status) == [
        "0 documents", "0/0 chunks", "0 texts/s", "$0.0000", "time left unknown",
    ]  # fmt: skip


def test_the_rate_is_that_of_the_last_minute() -> None:
    """What was embedded before no longer counts."""
    run = ToldRun()
    run.tell(events.TextsEmbedded(600, 1, 0.0))
    run.pass_seconds(10)
    assert run.status.now.rate == 60
    run.pass_seconds(51)
    assert run.status.now.rate == 0


def line_display(form: LogFormat, clock: Clock) -> tuple[ToldRun, LineDisplay, io.StringIO]:
    """A run, its display and what that prints."""
    shown = io.StringIO()
    console = Terminal(file=shown, width=80)
    run = ToldRun(now=clock.now)
    display = LineDisplay(console, run.status, form=form, least=LogLevel.INFO, clock=clock)
    return run, display, shown


def test_lines_now_and_then() -> None:
    """Figures every ten seconds; rejects and warnings at once; nothing for each document."""
    clock = Clock()
    run, display, shown = line_display(LogFormat.TEXT, clock)

    def tell(event: events.Event) -> None:
        run.tell(event)
        display(event)

    with display:
        tell(events.DocumentCompleted("a.md", 3, 100))
        assert shown.getvalue() == ""
        tell(events.DocumentRejected("b [draft].md", "not valid UTF-8", ""))
        assert shown.getvalue() == "rejected b [draft].md: not valid UTF-8\n"
        clock.now += LINE_EVERY
        tell(events.DocumentCompleted("c.md", 3, 100))
        tell(events.DocumentCompleted("d.md", 3, 100))
    _, figure_line = shown.getvalue().splitlines()
    assert figure_line.startswith("2 documents · 0/0 chunks · ")


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (events.TextRejected("a.md", "a:1", "400"), "rejected a:1 of a.md: 400"),
        (events.FileSkipped("a.exe", "no reader"), "left out a.exe: no reader"),
        (events.DocumentWarning("a.md", "odd"), "warning a.md: odd"),
        (events.StoreNotice("written anew"), "written anew"),
        (
            events.StoreRetried("write chunks", "ConnectError", 0.25),
            "store: write chunks failed (ConnectError), again in 0.2 s",
        ),
        (events.MonitorReady("http://127.0.0.1:5000/"), "monitor: http://127.0.0.1:5000/"),
        (events.MonitorFailed("port 5000 is taken"), "no monitor: port 5000 is taken"),
        (events.RemovalRefused(1_000, "empty"), "documents not removed: 1,000 (empty)"),
        (
            events.Draining("SIGINT received"),
            "stopping (SIGINT received): finishing what is in flight",
        ),
        (
            events.QuotaChanged(3_000, 0, "said so"),
            "quota: 3,000 texts and any number of tokens a minute (said so)",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, events.Event) else "",
)
def test_what_is_worth_a_line_of_its_own(event: events.Event, sentence: str) -> None:
    """A sentence with the names and the reason."""
    _, display, shown = line_display(LogFormat.TEXT, Clock())
    display(event)
    assert shown.getvalue() == f"{sentence}\n"


def test_lines_for_machines() -> None:
    """Each is a JSON object with the run's id, however long; never broken, never coloured."""
    _, display, shown = line_display(LogFormat.JSON, Clock())
    display(events.RunStarted("r1", "kb", "gemini", "m", 768, "/kb", 8))
    display(events.DocumentRejected("a" * 300, "why", ""))
    display(events.CallStarted(1, 1, 1))
    records = [orjson.loads(line) for line in shown.getvalue().splitlines()]
    assert [record["event"] for record in records] == ["run_started", "document_rejected"]
    assert {record["run"] for record in records} == {"r1"}


def test_a_terminal_sees_the_figures_live() -> None:
    """And what is rejected stays above them."""
    shown = io.StringIO()
    console = Terminal(file=shown, force_terminal=True, width=120, color_system=None)
    run = ToldRun(quota=QUOTA)
    with run.gauges.stage("embed").running(), LiveDisplay(console, run.status) as display:
        for event in (
            events.Surveyed(2, 100),
            events.DocumentRejected("a.md", "why", ""),
            events.Draining("SIGINT received"),
        ):
            run.tell(event)
            display(event)
        run.status.look()
    assert "rejected a.md: why" in shown.getvalue()
    assert "97% of quota" in shown.getvalue()
    assert "stopping (SIGINT received)" in shown.getvalue()


def test_a_file_may_be_many_documents_or_none_that_is_read() -> None:
    """The whole grows with the records that are found; bytes without chunks are not awaited."""
    run = ToldRun()
    run.tell(
        events.Surveyed(4, 1_000),
        events.FilesFound(4, 1_000, 12, 400),
        events.DocumentsFound(2, 12),
        events.DocumentsFound(1, 3),
        events.DocumentsFound(1, 1),
        events.DocumentRejected("d.pdf", "why", "", 300),
        events.DocumentUnchanged("c.jsonl#1", 100),
        events.DocumentChunked("c.jsonl#2", 100, 5, 90),
        events.DocumentChunked("c.jsonl#3", 100, 5, 90),
        events.ChunksDeduplicated(present=0, from_ledger=10, same_text=0, to_embed=0),
    )
    assert figures(run.status)[0] == "13/16 documents"
    assert run.progress.share == 1.0
