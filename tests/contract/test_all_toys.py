"""A whole ingestion in which every part that can be exchanged is one of the tests' own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson

from tests.support.command import PROJECT


def test_five_toys_ingest_without_a_library_of_the_real_ones(tmp_path: Path) -> None:
    """Source, format, provider, store and ledger: nothing is sent twice, what is gone goes."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.ingest_toys", str(tmp_path)],
        cwd=PROJECT, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr.decode()
    told = orjson.loads(ended.stdout)
    ships = [f"Ship {number} lies at quay {number}." for number in range(4)]
    first, again, edited = told["runs"]
    assert told["planned"] == 4
    assert first == {"code": 0, "texts": ships, "sent": 4, "reads": 4}
    assert again == first
    assert edited == {"code": 0, "texts": ["Ship 0 has left.", *ships[2:]], "sent": 5, "reads": 5}
    assert told["imported"] == []
    assert told["verified"] == 0
