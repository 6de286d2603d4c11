"""The ledger on a disk of any size: what was answered is committed, or was never sent."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.support.documents import document
from tests.support.small_disk import PAGE, SmallDisk, small_disk
from waypoint.errors import StoreWriteError
from waypoint.models import EmbeddingSpace, TextKey
from waypoint.storage.ledger.ballast import BALLAST_NAME, Ballast
from waypoint.storage.ledger.records import CompleteDocument
from waypoint.storage.ledger.room import CallRoom
from waypoint.storage.ledger.sqlite import SqliteLedger

SPACE = EmbeddingSpace("gemini", "gemini-embedding-001", 768, "RETRIEVAL_DOCUMENT")
DAY = "2026-11-23"
LARGE = 256 << 20


@dataclass(slots=True)
class Folder:
    """What ingestions did over one ledger, one after another."""

    path: Path
    room: CallRoom
    answered: set[TextKey] = field(default_factory=set)

    def ingest(self, texts: int) -> bool:
        """Send what the ledger lacks, always as many calls at once as there may be, and note
        documents meanwhile; False if the disk was full. Fails if an answer is lost."""
        keys = [hashlib.sha256(str(number).encode()).digest() for number in range(texts)]
        try:
            with closing(SqliteLedger(self.path)) as ledger:
                ledger.start_run("run", 0)
                collection = ledger.adopt_collection("c", store_id="i", generation=1, root="/")
                known = set(ledger.committed_keys(keys))
                assert known == self.answered
                self._send([key for key in keys if key not in known], ledger, collection.id)
        except StoreWriteError:
            return False
        return True

    def _send(self, keys: list[TextKey], ledger: SqliteLedger, collection: int) -> None:
        size = self.room.texts
        batches = [keys[start : start + size] for start in range(0, len(keys), size)]
        in_flight: list[list[TextKey]] = []
        try:
            while batches or in_flight:
                while batches and len(in_flight) < self.room.calls:
                    ledger.make_room(self.room)
                    in_flight.append(batches.pop())
                self.answer(ledger, in_flight.pop(0))
                # As the writer does; it fails first where the disk is about to be full.
                source = f"document {len(in_flight)} {len(batches)}"
                ledger.start_documents(collection, [source])
                ledger.complete_documents(collection, [done(source, keys[:size])])
        finally:
            for batch in in_flight:
                self.answer(ledger, batch)
            ledger.end_run("run", complete=False)

    def answer(self, ledger: SqliteLedger, batch: list[TextKey]) -> None:
        self.answered.update(batch)
        vectors = np.ones((len(batch), SPACE.dimensions), np.float32)
        ledger.commit_vectors(SPACE, batch, vectors, tokens=len(batch), cost_usd=0, day=DAY)


def done(source: str, keys: list[TextKey]) -> CompleteDocument:
    """A document of a chunk for each of the texts."""
    return CompleteDocument(document(source), [(key.hex(), key) for key in keys], {})


def assert_nothing_is_lost(disk: SmallDisk, folder: Folder, texts: int) -> None:
    """Run on the disk as it is, twice, and once more where there is room."""
    for _ in range(2):
        if folder.ingest(texts):
            break
    disk.resize(LARGE)
    disk.leave(LARGE)
    assert folder.ingest(texts)
    assert len(folder.answered) == texts
    assert not (folder.path / BALLAST_NAME).exists()


def sizes(first: int, last: int, count: int) -> list[int]:
    """Some of the sizes of whole pages, by a seed."""
    return sorted(random.Random(first).sample(range(first, last, PAGE), count))


SMALL = CallRoom(calls=4, texts=8, dimensions=SPACE.dimensions)
SMALL_TEXTS = 400
"""Fit on 10 MB with the log; the ledger alone is made of 0.6 MB."""


def check_new_ledger(tmp_path: Path, size: int) -> None:
    """A first run on a disk of that size."""
    with small_disk(tmp_path / str(size), size=size) as disk:
        assert_nothing_is_lost(disk, Folder(disk.folder, SMALL), SMALL_TEXTS)


def test_a_new_ledger_on_a_disk_of_some_size(tmp_path: Path) -> None:
    """What was answered is in the ledger; what would not have been was not sent."""
    for size in sizes(PAGE, 12 << 20, 12):
        check_new_ledger(tmp_path, size)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_a_new_ledger_on_a_disk_of_every_size(tmp_path: Path) -> None:
    """Likewise, in steps of 4 KB."""
    for size in range(PAGE, 12 << 20, PAGE):
        check_new_ledger(tmp_path, size)


@pytest.mark.parametrize("limit", sizes(PAGE, 40 << 20, 6))
def test_a_limit_of_file_sizes_loses_nothing(tmp_path: Path, limit: int) -> None:
    """``ulimit -f`` gives nothing back: calls stop before it is met."""
    folder = Folder(tmp_path, SMALL)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        folder.ingest(SMALL_TEXTS)
        folder.ingest(SMALL_TEXTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert folder.ingest(SMALL_TEXTS)
    assert len(folder.answered) == SMALL_TEXTS


def only_says_so(descriptor: int, start: int, size: int) -> None:
    """Some file systems lengthen the file, and keep no block for it."""
    os.ftruncate(descriptor, start + size)


def cannot(descriptor: int, start: int, size: int) -> None:
    """And some refuse."""
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


@pytest.mark.parametrize("fallocate", [os.posix_fallocate, only_says_so, cannot, None])
def test_a_ballast_is_not_sparse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fallocate: Callable[..., None] | None
) -> None:
    """It takes what it says, whatever the file system makes of the wish; and it follows."""
    if fallocate is None:
        monkeypatch.delattr(os, "posix_fallocate")
    else:
        monkeypatch.setattr(os, "posix_fallocate", fallocate)
    with small_disk(tmp_path / "disk", size=LARGE) as disk:
        ballast, free = Ballast(disk.folder), disk.free
        for held in (3_000_000, 5_000_000, 4_000_000):
            ballast.hold(held)
            assert free - disk.free >= ballast.size >= held
        assert ballast.give_way(2_000_000)
        assert 0 <= free - disk.free - 3_000_000 < 2 * PAGE
        with pytest.raises(OSError, match="No space"):
            ballast.hold(2 * LARGE)
        assert ballast.size == 3_000_000
        ballast.close()
        assert (disk.free, list(disk.folder.iterdir())) == (free, [])


IN_A_FULL_TEMPORARY_FOLDER = """
import sys
from contextlib import closing
from pathlib import Path
import numpy as np
from waypoint.errors import DiskFullError
from waypoint.models import EmbeddingSpace
from waypoint.storage.ledger.sqlite import SqliteLedger
from waypoint.verification.inventory import Inventory

def names(count):
    return [f"{number:0200}" for number in range(count)]

def fails(method, *arguments):
    try:
        method(*arguments)
    except DiskFullError as error:
        assert sys.argv[2] in error.message, error.message
        assert "TMPDIR" in error.hint
    else:
        raise AssertionError("it had room")

with closing(SqliteLedger(Path(sys.argv[1]))) as ledger:
    fails(ledger.mark_seen, names(200_000))
    space = EmbeddingSpace("gemini", "gemini-embedding-001", 8, "RETRIEVAL_DOCUMENT")
    ledger.commit_vectors(space, [b"k" * 32], np.ones((1, 8), "f4"), tokens=1, cost_usd=0, day="d")
    assert ledger.committed_keys([b"k" * 32])
with closing(Inventory()) as inventory:
    fails(inventory.add_ids, names(200_000))
"""


def test_a_full_temporary_folder_is_told_and_costs_nothing(tmp_path: Path) -> None:
    """By its own name; what was answered meanwhile is committed all the same."""
    with small_disk(tmp_path / "temporary", size=1 << 20) as disk:
        disk.leave(0)
        # SQLite looks for the folder once in a process.
        subprocess.run(
            [sys.executable, "-c", IN_A_FULL_TEMPORARY_FOLDER, str(tmp_path), str(disk.folder)],
            env={**os.environ, "TMPDIR": str(disk.folder)},
            check=True,
            timeout=60,
        )
