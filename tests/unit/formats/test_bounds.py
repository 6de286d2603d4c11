"""Files made to take all memory or time: read in memory near their size, or rejected."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.memory import needs_peak, peak_below
from tests.support.reading import read_all
from waypoint.errors import DocumentRejectedError
from waypoint.formats.markup.markdown import MOST_MARKS
from waypoint.formats.records.json_records import MOST_RECORDS, MOST_VALUES

SIZE = 3_000_000
MOST_MEMORY = 70 * SIZE
"""Bytes. Of what is held as objects, each short value takes 20 to 100 times its size."""
SOON = 20.0
"""Seconds; the slowest takes two where nothing else is going on."""


def filled(pattern: bytes, size: int = SIZE) -> bytes:
    return (pattern * (size // len(pattern) + 1))[:size]


HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "numbers": ("a.json", lambda: b"[" + b"1," * MOST_VALUES + b"1]", "more than 2,000,000 values"),
    "short records": (
        "a.json",
        lambda: b"[" + b"1," * MOST_RECORDS + b"1]",
        "more than 250,000 records",
    ),
    "objects in one": ("a.json", lambda: b'{"a":[' + filled(b"{},", 6 * SIZE) + b"1]}", "values"),
    "depth": ("a.json", lambda: filled(b"["), "values"),
    "less depth": ("a.json", lambda: b"[" * 100_000, "nested too deeply"),
    "commas in a text": ("a.json", lambda: b'["' + filled(b",") + b'"]', ""),
    "lines": ("a.jsonl", lambda: filled(b"1\n"), "more than 250,000 lines"),
    "empty lines": ("a.jsonl", lambda: filled(b"\r\n"), ""),
    "damaged lines": ("a.jsonl", lambda: filled(b"{\n"), "more than 250,000 lines"),
    "a long number": ("a.json", lambda: b"[" + b"1" * 10_000 + b"]", "not JSON"),
    "empty cells": ("a.csv", lambda: filled(b",\n"), ""),
    "short cells": ("a.csv", lambda: filled(b"a,\n"), ""),
    "many columns": ("a.csv", lambda: b"a\n" + filled(b","), "line 2 has more than 100,000"),
    "a quotation mark": ("a.csv", lambda: filled(b'"'), "not a table"),
    "headings": ("a.md", lambda: filled(b"#\n", 2 * MOST_MARKS), ""),
    "quotes in quotes": ("a.md", lambda: filled(b">", 2 * MOST_MARKS), ""),
    "brackets": ("a.md", lambda: filled(b"[", 2 * MOST_MARKS), ""),
    "a line": ("a.md", lambda: filled(b"a", 10 * SIZE), ""),
    "front matter of nothing": ("a.md", lambda: b"---\n" + filled(b"\n"), ""),
    "front matter of comments": ("a.md", lambda: b"---\n" + filled(b"# a\n", SIZE // 10), ""),
    "front matter of a million keys": (
        "a.md",
        lambda: b"---\n" + b"a: b\n" * 1_000_000 + b"---\nx",
        "",
    ),
    "a bomb of aliases": (
        "a.md",
        lambda: (
            b"---\na: &a [x]\n"
            + b"".join(b"b%d: &b%d [*a,*a]\n" % (n, n) for n in range(9))
            + b"---\nx"
        ),
        "",
    ),
    "strange YAML": (
        "a.md",
        lambda: (
            b"---\n? [a]\n: 1\n&x : 2\n!!python/object:os.system x: 3\nd: 9999-99-99\n"
            b"e: 0x" + b"f" * 9000 + b"\nf: .nan\ng: 1e999\n'': 1\n<<: *y\n---\nx"
        ),
        "",
    ),
}


@needs_peak
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_made_to_take_everything(kind: str) -> None:
    """Soon done, in memory near its size, and by a reject that says why if it is one."""
    name, make, reason = HOSTILE[kind]
    data = make()
    rejected = ""
    began = time.process_time()
    with peak_below(MOST_MEMORY):
        try:
            assert read_all(name, data)
        except DocumentRejectedError as error:
            rejected = error.reason
    assert time.process_time() - began < SOON
    assert reason in rejected
    assert bool(rejected) is bool(reason)
