"""A disk for one test that fails, or forgets, as it is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import PROJECT
from tests.support.fault import Fault
from tests.support.waiting import wait_until

FUSERMOUNT = shutil.which("fusermount3") or shutil.which("fusermount")

needs_fuse = pytest.mark.skipif(
    FUSERMOUNT is None or not os.access("/dev/fuse", os.R_OK | os.W_OK),
    reason="needs FUSE: apt-get install fuse3, and /dev/fuse",
)


class FaultyMount:
    """A mounted folder, served by a process of its own."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self._process = process

    def plan(self, *faults: Fault) -> None:
        """What is to fail from now on, and nothing else."""
        self._ask("plan", faults=[asdict(fault) for fault in faults])

    def counts(self) -> Counter[tuple[str, str]]:
        """What was done since the plan: class of file and operation, how often."""
        return Counter({(target, name): n for target, name, n in self._ask("state")["counts"]})

    def met(self) -> list[bool]:
        """Which faults of the plan came true."""
        met: list[bool] = self._ask("state")["met"]
        return met

    def cut(self, *, seed: int, kept: float) -> None:
        """Cut the power, until it is mounted again: all fails, and what was not synced is
        forgotten, but for each such change by a likelihood of ``kept``."""
        self._ask("cut", seed=seed, kept=kept)

    def _ask(self, do: str, **arguments: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def faulty_mount(folder: Path) -> Iterator[FaultyMount]:
    """A disk at ``folder``; without a plan it does what any does. What it holds stays in a folder
    beneath, for when it is mounted again."""
    backing = folder.with_name(f"{folder.name} beneath")
    backing.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    assert FUSERMOUNT is not None
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.faulty_disk", str(backing), str(folder)],
        cwd=PROJECT,
        env=os.environ | {"FUSE_LIBRARY_NAME": "fuse3"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: process.poll() is not None or folder.is_mount(), timeout=30)
        try:
            yield FaultyMount(folder, process)
        finally:
            subprocess.run([FUSERMOUNT, "-u", "-z", str(folder)], check=True)
