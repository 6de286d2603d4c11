"""The log: one event a line, and a run that never suffers from it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import orjson
import pytest

from tests.support.small_disk import small_disk
from waypoint.observe import events
from waypoint.observe.logs import JsonLog, event_name, level_of, log_record, shown_at, stage_of
from waypoint.settings import LogLevel

REJECTED = events.DocumentRejected("a.md", "why", "hint")


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (events.RunEnded(0, 0, "", ""), "run_ended"),
        (events.DocumentCompleted("a.md", 1, 1), "document_completed"),
        (events.Surveyed(1, 1), "surveyed"),
    ],
)
def test_events_have_names_of_small_letters(event: events.Event, name: str) -> None:
    """As fields of a log usually have."""
    assert event_name(event) == name


def test_a_record_has_a_head_and_the_events_own_fields() -> None:
    """The run's id among them, once."""
    record = log_record(REJECTED, "r1")
    assert record.pop("time").endswith("+00:00")
    assert record == {
        "level": LogLevel.ERROR, "event": "document_rejected", "run": "r1", "stage": "read",
        "source": "a.md", "reason": "why", "hint": "hint", "size": 0, "named": True,
    }  # fmt: skip
    assert "run_id" not in log_record(events.RunStarted("r1", "k", "p", "m", 1, "/", 1), "r1")


def test_levels() -> None:
    """A reject matters most, a call least; what is shown is what matters enough."""
    called = events.CallStarted(1, 1, 1)
    assert level_of(REJECTED) is LogLevel.ERROR
    assert level_of(replace(REJECTED, named=False)) is LogLevel.DEBUG
    assert level_of(events.CallFailed("503", 503, 1.0, 1)) is LogLevel.WARNING
    assert level_of(events.DocumentCompleted("a.md", 1, 1)) is LogLevel.INFO
    assert level_of(called) is LogLevel.DEBUG
    assert shown_at(called, LogLevel.DEBUG)
    assert not shown_at(called, LogLevel.INFO)
    assert shown_at(REJECTED, LogLevel.ERROR)


def test_lines_are_appended_in_order(tmp_path: Path) -> None:
    """By one run after another, and only those that matter enough."""
    for run in ("r1", "r2"):
        with JsonLog(tmp_path, run, LogLevel.INFO) as log:
            for number in range(500):
                log(events.DocumentCompleted(f"{number}.md", 1, 1))
                log(events.CallStarted(1, 1, 1))
        assert log.failure is None
    lines = (tmp_path / "waypoint.jsonl").read_bytes().splitlines()
    told = [(record["run"], record["source"]) for record in map(orjson.loads, lines)]
    assert told == [(run, f"{n}.md") for run in ("r1", "r2") for n in range(500)]


def test_what_is_no_utf8_is_escaped(tmp_path: Path) -> None:
    """A service's reason may be anything; the lines after it are written all the same."""
    with JsonLog(tmp_path, "r1", LogLevel.INFO) as log:
        log(events.CallFailed("odd \ud800", 503, 1.0, 1))
        log(events.DocumentCompleted("a.md", 1, 1))
    first, second = (tmp_path / "waypoint.jsonl").read_bytes().splitlines()
    assert json.loads(first)["reason"] == "odd \ud800"
    assert orjson.loads(second)["source"] == "a.md"


@pytest.mark.parametrize("lines", [1, 5_000], ids=["buffered", "written"])
def test_a_full_disk_silences_the_log_not_the_run(tmp_path: Path, lines: int) -> None:
    """Whether it is met at a write, at a flush or at the close."""
    with small_disk(tmp_path, size=1 << 20) as disk, JsonLog(tmp_path, "r1", LogLevel.INFO) as log:
        disk.leave(0)
        for number in range(lines):
            log(events.DocumentCompleted(f"{number}.md", 1, 1))
    assert log.failure is not None
    assert log.failure.strerror == "No space left on device"


@pytest.mark.parametrize(
    "obstruct",
    [
        Path.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to("/dev/null"),
        lambda path: path.symlink_to(path.with_name("made by it")),
        lambda path: path.parent.rmdir(),
        lambda path: (path.with_name("other").touch(), path.hardlink_to(path.with_name("other"))),
    ],
    ids=["folder", "pipe without reader", "device", "link to nothing", "no folder", "hard link"],
)
def test_what_lies_in_the_logs_place_silences_it(
    tmp_path: Path, obstruct: Callable[[Path], object]
) -> None:
    """At once, without waiting for anybody; and it stays as it was."""
    (tmp_path / "logs").mkdir()
    obstruct(tmp_path / "logs" / "waypoint.jsonl")
    with JsonLog(tmp_path / "logs", "r1", LogLevel.INFO) as log:
        log(events.DocumentCompleted("a.md", 1, 1))
    assert log.failure is not None
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]
    assert not (tmp_path / "logs" / "made by it").exists()


KINDS = [
    kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, events.Event) and kind is not events.Event
]
DOCUMENTED = re.compile(r"^\| `(\w+)` \| (\w+) \| (\w*) ?\| (.*) \| .* ?\|$", re.M)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_documentation_lists_every_event(kind: type[events.Event]) -> None:
    """With its level, its stage and all its fields, and nothing else."""
    page = (Path(__file__).parents[2] / "docs" / "logs.md").read_text("utf-8")
    listed = {name: rest for name, *rest in DOCUMENTED.findall(page)}
    assert len(listed) == len(KINDS)
    event = object.__new__(kind)
    if "named" in {field.name for field in fields(kind)}:
        # The level of what is not worth a line of its own is said in words.
        object.__setattr__(event, "named", True)
    level, stage, names = listed[event_name(event)]
    assert level == level_of(event)
    assert stage == stage_of(event)
    wanted = [field.name for field in fields(kind) if field.name != "run_id"]
    assert re.findall(r"`(\w+)`", names) == wanted
