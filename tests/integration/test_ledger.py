"""The ledger as a file: what is committed stays committed, and what goes wrong is told."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from waypoint.errors import LedgerDamagedError, LedgerError, StoreWriteError
from waypoint.models import DayUse, EmbeddingSpace, TextKey, Vectors
from waypoint.storage.ledger import LEDGER_NAME
from waypoint.storage.ledger.schema import SCHEMA_VERSION
from waypoint.storage.ledger.sqlite import SqliteLedger
from waypoint.storage.ledger.thread import open_ledger

SPACE = EmbeddingSpace("gemini", "gemini-embedding-001", 8, "RETRIEVAL_DOCUMENT")
OTHER = EmbeddingSpace("gemini", "gemini-embedding-2", 8, "RETRIEVAL_DOCUMENT")
DAY = "2026-11-23"


def key(text: object) -> TextKey:
    """A text key."""
    return hashlib.sha256(str(text).encode()).digest()


def vectors_of(count: int) -> Vectors:
    """Vectors with every kind of finite float32 in them: shape (count, 8)."""
    vectors = np.random.default_rng(7).normal(size=(count, 8)).astype(np.float32)
    vectors[0, :4] = [np.float32(1e-45), -0.0, np.float32(3.4e38), np.nextafter(np.float32(1), 2)]
    return vectors


def commit(ledger: SqliteLedger, keys: list[TextKey], vectors: Vectors) -> None:
    """Commit texts, a token and a hundredth of a cent each."""
    ledger.commit_vectors(
        SPACE, keys, vectors, tokens=len(keys), cost_usd=1e-4 * len(keys), day=DAY
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """A new ledger in a folder of its own."""
    opened = SqliteLedger(tmp_path)
    yield opened
    opened.close()


def test_committed_vectors_come_back_to_the_last_bit(tmp_path: Path) -> None:
    """Also after the file was closed, and more than one query takes at once."""
    keys, vectors = [key(number) for number in range(1_234)], vectors_of(1_234)
    first = SqliteLedger(tmp_path)
    commit(first, keys, vectors)
    first.close()
    second = SqliteLedger(tmp_path)
    found = second.committed_vectors([key("unknown"), *keys])
    assert second.committed_keys([*keys, key("unknown")]) == set(keys)
    second.close()
    assert set(found) == set(keys)
    for committed, vector in zip(keys, vectors, strict=True):
        assert found[committed].dtype == np.float32
        assert found[committed].tobytes() == vector.tobytes()


def test_vectors_of_any_layout_are_stored_row_by_row(ledger: SqliteLedger) -> None:
    """Whatever numpy made of the array on its way."""
    vectors = np.asfortranarray(vectors_of(3).astype(np.float64))
    commit(ledger, [key(number) for number in range(3)], vectors.astype(np.float32, order="F"))
    assert np.array_equal(ledger.committed_vectors([key(2)])[key(2)], vectors_of(3)[2])


def test_what_is_paid_is_not_paid_over(ledger: SqliteLedger) -> None:
    """The vector of a text never changes, whoever answers it a second time."""
    vectors = vectors_of(2)
    commit(ledger, [key("a")], vectors[:1])
    commit(ledger, [key("a"), key("b")], vectors[::-1])
    assert np.array_equal(ledger.committed_vectors([key("a")])[key("a")], vectors[0])
    assert np.array_equal(ledger.committed_vectors([key("b")])[key("b")], vectors[0])


def test_texts_and_calls_are_counted_by_day_and_model(ledger: SqliteLedger) -> None:
    """What was answered twice was billed twice, and counts so."""
    vectors = vectors_of(3)
    commit(ledger, [key("a"), key("b")], vectors[:2])
    commit(ledger, [key("a")], vectors[:1])
    ledger.commit_vectors(OTHER, [key("c")], vectors[:1], tokens=5, cost_usd=1, day=DAY)
    ledger.commit_vectors(SPACE, [key("d")], vectors[:1], tokens=5, cost_usd=1, day="2026-11-24")
    assert ledger.day_use(DAY, SPACE) == DayUse(texts=3, calls=2)
    assert ledger.day_use(DAY, OTHER) == DayUse(texts=1, calls=1)
    assert ledger.day_use("2026-11-24", SPACE) == DayUse(texts=1, calls=1)
    assert ledger.day_use("2026-11-25", SPACE) == DayUse()


def test_a_payment_is_whole_or_not_at_all(ledger: SqliteLedger) -> None:
    """Neither vectors nor counts of a call that could not be noted in full."""
    with pytest.raises(ValueError, match="zip"):
        commit(ledger, [key("a"), key("b")], vectors_of(1))
    assert ledger.committed_keys([key("a"), key("b")]) == set()
    assert ledger.day_use(DAY, SPACE) == DayUse()
    commit(ledger, [key("a")], vectors_of(1))
    assert ledger.day_use(DAY, SPACE) == DayUse(texts=1, calls=1)


PAY_AND_HANG = """
import hashlib, sys, time
from pathlib import Path
import numpy as np
from waypoint.models import EmbeddingSpace
from waypoint.storage.ledger.sqlite import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]))
space = EmbeddingSpace("gemini", "gemini-embedding-001", 8, "RETRIEVAL_DOCUMENT")
number = 0
while True:
    key = hashlib.sha256(str(number).encode()).digest()
    vectors = np.full((1, 8), number, "f4")
    ledger.commit_vectors(space, [key], vectors, tokens=1, cost_usd=0, day="2026-11-23")
    print(number, flush=True)
    number += 1
"""


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    """A process that dies by SIGKILL while it commits loses nothing that it had told us of."""
    command = [sys.executable, "-c", PAY_AND_HANG, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(25)]
        process.send_signal(signal.SIGKILL)
        told.extend(int(line) for line in process.stdout if line.endswith("\n"))
    assert process.returncode == -signal.SIGKILL
    ledger = SqliteLedger(tmp_path)
    found = ledger.committed_vectors([key(number) for number in told])
    used = ledger.day_use(DAY, SPACE).texts
    ledger.close()
    assert [int(found[key(number)][0]) for number in told] == list(range(len(told)))
    assert used in (len(told), len(told) + 1)


FILL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from waypoint.errors import StoreWriteError
from waypoint.models import EmbeddingSpace
from waypoint.storage.ledger.sqlite import SqliteLedger
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = SqliteLedger(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
space = EmbeddingSpace("gemini", "gemini-embedding-001", 3072, "RETRIEVAL_DOCUMENT")
committed = 0
try:
    while committed < 1_000:
        key = committed.to_bytes(32, "big")
        ledger.commit_vectors(space, [key], np.ones((1, 3072), "f4"), tokens=1, cost_usd=0, day="d")
        committed += 1
except StoreWriteError as error:
    assert error.hint
assert 0 < committed < 1_000, committed
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.commit_vectors(space, [b"x" * 32], np.ones((1, 3072), "f4"), tokens=1, cost_usd=0, day="d")
assert ledger.day_use("d", space).texts == committed + 1
"""


def test_a_full_disk_is_told_and_survived(tmp_path: Path) -> None:
    """As what it is, and the ledger goes on as soon as there is room again."""
    command = [sys.executable, "-c", FILL_DISK, str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)


@pytest.mark.parametrize("content", [b"not a database at all, but a text", b"\0" * 8192])
def test_a_file_that_is_not_a_ledger_is_refused(tmp_path: Path, content: bytes) -> None:
    """And left as it is."""
    path = tmp_path / LEDGER_NAME
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="damaged") as caught:
        SqliteLedger(tmp_path)
    assert caught.value.hint
    assert path.read_bytes() == content


@pytest.mark.parametrize("begin", [8192, 16384])
def test_damaged_pages_are_told(tmp_path: Path, begin: int) -> None:
    """Not taken for texts that were never embedded, whatever bytes are in their place."""
    ledger = SqliteLedger(tmp_path)
    keys = [key(number) for number in range(500)]
    commit(ledger, keys, vectors_of(500))
    ledger.close()
    path = tmp_path / LEDGER_NAME
    content = path.read_bytes()
    for seed in range(40):
        noise = random.Random(seed).randbytes(len(content) - begin)
        path.write_bytes(content[:begin] + noise)
        with (
            pytest.raises(LedgerDamagedError, match="damaged"),
            contextlib.closing(SqliteLedger(tmp_path)) as damaged,
        ):
            damaged.committed_vectors(keys)


def test_a_vector_of_the_wrong_length_is_told(tmp_path: Path) -> None:
    """And never handed on."""
    ledger = SqliteLedger(tmp_path)
    commit(ledger, [key(1)], vectors_of(1))
    ledger.close()
    with sqlite3.connect(tmp_path / LEDGER_NAME) as database:
        database.execute("UPDATE vectors SET vector = x'00'")
    database.close()
    with (
        contextlib.closing(SqliteLedger(tmp_path)) as damaged,
        pytest.raises(LedgerDamagedError, match="damaged"),
    ):
        damaged.committed_vectors([key(1)])


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    """Rather than misunderstood, and then written to."""
    SqliteLedger(tmp_path).close()
    with sqlite3.connect(tmp_path / LEDGER_NAME) as database:
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(LedgerError, match=f"schema version {SCHEMA_VERSION + 1}") as caught:
        SqliteLedger(tmp_path)
    assert "upgrade" in caught.value.hint


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreWriteError) as caught:
        SqliteLedger(tmp_path / "file")
    assert caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    """As one that cannot be written."""
    tmp_path.chmod(0o500)
    with pytest.raises(StoreWriteError):
        SqliteLedger(tmp_path)


def test_somebody_elses_database_in_its_place_is_not_written(tmp_path: Path) -> None:
    """It is told as no ledger, and is what it was, to the byte."""
    path = tmp_path / LEDGER_NAME
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.executescript("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);")
    content = path.read_bytes()
    with pytest.raises(LedgerDamagedError, match="not the tables of a ledger"):
        SqliteLedger(tmp_path)
    assert path.read_bytes() == content


def test_a_ledger_that_lost_a_table_is_damaged(tmp_path: Path) -> None:
    """One that only has more than it should is not."""
    SqliteLedger(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / LEDGER_NAME)) as database:
        database.execute("CREATE TABLE more (x)")
    SqliteLedger(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / LEDGER_NAME)) as database:
        database.execute("DROP TABLE rejects")
    with pytest.raises(LedgerDamagedError, match="tables"):
        SqliteLedger(tmp_path)


@pytest.mark.slow
def test_a_ledger_that_another_program_has_open_is_not_damaged(tmp_path: Path) -> None:
    """It is told so, and can be used afterwards."""
    SqliteLedger(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / LEDGER_NAME, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout=0")
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerError, match="locked") as caught:
            SqliteLedger(tmp_path)
    assert not isinstance(caught.value, LedgerDamagedError)
    assert "other program" in caught.value.hint
    SqliteLedger(tmp_path).close()


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, lambda p: p.symlink_to(p.with_name("o"))])
def test_what_is_no_file_in_its_place_is_left_alone(
    tmp_path: Path, put: Callable[[Path], object]
) -> None:
    """A link is not followed, a pipe not waited for; nothing is called damaged."""
    put(tmp_path / LEDGER_NAME)
    with pytest.raises(LedgerError, match="not a regular file") as caught:
        SqliteLedger(tmp_path)
    assert not isinstance(caught.value, LedgerDamagedError)
    assert not (tmp_path / "o").exists()


def test_a_run_that_ended_elsewhere_noted_is_not_counted_as_killed(tmp_path: Path) -> None:
    """What others had in flight still is; the collections are suspect for them alone."""
    with contextlib.closing(SqliteLedger(tmp_path)) as ledger:
        for run, ended in (("a", ()), ("b", ("a",)), ("c", ())):
            assert ledger.start_run(run, 8, ended) == (8 if run == "c" else 0)


async def test_the_ledgers_thread_runs_its_methods(tmp_path: Path) -> None:
    """One after another, off the loop, and the file is closed at the end."""
    async with open_ledger(tmp_path) as thread:
        await thread.commit_vectors(SPACE, [key("a")], vectors_of(1), tokens=1, cost_usd=0, day=DAY)
        assert await thread.committed_keys([key("a"), key("b")]) == {key("a")}
    # The write-ahead log is gone: the file was closed.
    assert os.listdir(tmp_path) == [LEDGER_NAME]  # noqa: PTH208
