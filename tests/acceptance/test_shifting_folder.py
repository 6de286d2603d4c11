"""A folder that others change while it is read: files come, go and are replaced by links."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus

OPTIONS = ("--concurrency", "4")
_LOOKED_AGAIN = 50
"""Changes after which the folder is looked at again."""
_PAUSE = 0.001
"""Seconds between two changes."""
SECRET = "Nobody may read this: xyzzy."


class Shifter:
    """Changes a folder, one thing after another, in a thread of its own."""

    def __init__(self, folder: Path, outside: Path, seed: int) -> None:
        self._folder = folder
        self._outside = outside
        self._draw = random.Random(seed)
        self._names = itertools.count()
        self._files: list[Path] = []
        self.changes = 0

    def change(self) -> None:
        """A file is written, renamed, removed; or it, or a folder, gives way to a link that leads
        outside, and comes back."""
        if self.changes % _LOOKED_AGAIN == 0:
            self._files = sorted(self._folder.rglob("*.md"))
        path = self._draw.choice(self._files)
        kinds = (self._write, self._rename, self._swap_file, self._swap_folder, self._hard_link)
        # It may be gone.
        with suppress(OSError):
            self._draw.choice(kinds)(path)
        self.changes += 1

    def _write(self, path: Path) -> None:
        path.write_text(f"# Edited\n\nA text of its own, number {next(self._names)}.\n")

    def _rename(self, path: Path) -> None:
        path.rename(path.with_name(f"renamed_{next(self._names)}.md"))

    def _swap_file(self, path: Path) -> None:
        kept = path.with_name(f"{path.name}.kept")
        path.rename(kept)
        path.symlink_to(self._outside / "secret.md")
        path.unlink()
        kept.rename(path)

    def _swap_folder(self, path: Path) -> None:
        folder = path.parent
        kept = self._outside / f"kept_{next(self._names)}"
        folder.rename(kept)
        folder.symlink_to(self._outside)
        folder.unlink()
        kept.rename(folder)

    def _hard_link(self, path: Path) -> None:
        link = path.with_name(f"linked_{next(self._names)}.md")
        link.hardlink_to(path)
        path.unlink()


@contextmanager
def shifting(shifter: Shifter) -> Iterator[None]:
    """Changes without end, for as long as the context is open."""
    ended = threading.Event()

    def shift() -> None:
        while not ended.wait(_PAUSE):
            shifter.change()

    thread = threading.Thread(target=shift)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def check_shifting(folder: Path, *, documents: int, runs: int, seed: int) -> int:
    """Runs over a folder that changes, then one over it as it is then; how many changes it saw."""
    workspace = Workspace(folder, timeout=3_600)
    write_corpus(workspace.knowledge_base, documents=documents, sections=1)
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text(SECRET)
    shifter = Shifter(workspace.knowledge_base, outside, seed)
    with background_simulator() as simulator:
        workspace.use(simulator.environment)
        for _ in range(runs):
            with shifting(shifter):
                outcome = workspace.run(*OPTIONS)
            assert outcome.code in (0, 1), outcome.stderr
            assert "Traceback" not in outcome.stderr
            assert "unexpected" not in outcome.stderr
        outcome = workspace.run(*OPTIONS, "--allow-mass-delete")
        assert outcome.code == 0, outcome.stderr
        assert set(simulator.answers().values()) == {1}
    collection = read_embedded(workspace.store, workspace.logs)
    assert_holds(collection, chunks_of(workspace.knowledge_base))
    assert not any("xyzzy" in record.text for record in collection.records.values())
    for path in workspace.logs.iterdir():
        assert b"xyzzy" not in path.read_bytes()
    return shifter.changes


def test_a_folder_that_changes_is_read_as_it_comes(tmp_path: Path) -> None:
    """No run ends of it, none reads outside of the folder, and the next one sets it right."""
    assert check_shifting(tmp_path, documents=60, runs=1, seed=1) > 20


@pytest.mark.slow
@pytest.mark.timeout(4 * 3_600)
def test_a_large_folder_that_changes_is_read_as_it_comes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Likewise, of 20,000 documents (SOAK_DOCUMENTS)."""
    documents = int(os.environ.get("SOAK_DOCUMENTS", "20000"))
    began = time.monotonic()
    changes = check_shifting(tmp_path, documents=documents, runs=2, seed=2)
    with capsys.disabled():
        print(
            f"\n{documents:,} documents, {changes:,} changes during two runs: "
            f"{(time.monotonic() - began) / 60:.1f} min"
        )
    shutil.rmtree(tmp_path)
