"""The log's file gives way to a new one when it is full, and no line is lost by it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson
from hypothesis import given
from hypothesis import strategies as st

from waypoint.observe import events
from waypoint.observe.logs import JsonLog
from waypoint.observe.rotation import RotatingFile
from waypoint.settings import LogLevel


def contents(folder: Path) -> list[bytes]:
    """Of the file and those before it, oldest first."""
    return [path.read_bytes() for path in sorted(folder.iterdir(), reverse=True)]


@given(
    sizes=st.lists(st.integers(1, 150), max_size=30),
    most_bytes=st.integers(1, 200),
    backups=st.integers(0, 4),
)
def test_the_newest_lines_are_kept_whole_and_in_order(
    sizes: list[int], most_bytes: int, backups: int
) -> None:
    """However long they are; no file passes its size but for a line that does so alone."""
    lines = [str(number).encode().rjust(size) + b"\n" for number, size in enumerate(sizes)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.log"
        with RotatingFile(path, most_bytes=most_bytes, backups=backups) as file:
            for line in lines:
                file.write(line)
        kept = contents(Path(folder))
    assert len(kept) <= backups + 1
    assert b"".join(lines).endswith(b"".join(kept))
    assert all(len(each) <= most_bytes or each.count(b"\n") == 1 for each in kept)
    if len(kept) <= backups:
        assert b"".join(kept) == b"".join(lines)


def test_a_size_of_zero_never_gives_way(tmp_path: Path) -> None:
    """The file grows for ever, as it may be somebody else's task to turn it over."""
    with RotatingFile(tmp_path / "a.log", most_bytes=0, backups=3) as file:
        for _ in range(1_000):
            file.write(b"line\n")
    assert contents(tmp_path) == [b"line\n" * 1_000]


def test_the_log_of_several_runs_is_turned_over(tmp_path: Path) -> None:
    """Each run goes on where the one before it ended; every line is a whole JSON object."""
    for run in range(6):
        with JsonLog(tmp_path, f"r{run}", LogLevel.INFO, most_bytes=10_000, backups=9) as log:
            for number in range(60):
                log(events.DocumentCompleted(f"{number}.md", 1, 1))
        assert log.failure is None
    kept = contents(tmp_path)
    assert len(kept) > 2
    assert all(len(each) <= 10_000 for each in kept)
    records = [orjson.loads(line) for each in kept for line in each.splitlines()]
    told = [(record["run"], record["source"]) for record in records]
    assert told == [(f"r{run}", f"{n}.md") for run in range(6) for n in range(60)]
