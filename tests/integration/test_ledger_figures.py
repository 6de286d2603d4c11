"""What the ledger tells a person, and what is put right in it by hand."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.documents import document
from waypoint.errors import (
    DiskFullError,
    LedgerDamagedError,
    LedgerError,
    StoreWriteError,
    WaypointError,
)
from waypoint.models import DayUse, EmbeddingSpace, EstimatedLimit, EstimatedQuota, TextKey, Vectors
from waypoint.storage import temporary
from waypoint.storage.ledger import LEDGER_NAME, contents, file
from waypoint.storage.ledger.records import (
    CachedCollection,
    CachedSpace,
    CompleteDocument,
    LedgerReject,
    Spending,
)
from waypoint.storage.ledger.sqlite import SqliteLedger

SPACE = EmbeddingSpace("gemini", "gemini-embedding-001", 4, "RETRIEVAL_DOCUMENT")
OTHER = EmbeddingSpace("gemini", "gemini-embedding-2", 4, "RETRIEVAL_DOCUMENT")
THIRD = EmbeddingSpace("simulator", "gemini-embedding-001", 4, "RETRIEVAL_DOCUMENT")
A, B, C, D = (TextKey(bytes([number]) * 32) for number in range(4))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """A new ledger in a folder of its own."""
    opened = SqliteLedger(tmp_path)
    yield opened
    opened.close()


def vectors_of(*firsts: float) -> Vectors:
    """Vectors that begin with these numbers: shape (n, 4)."""
    return np.array([[first, 0, 0, 1] for first in firsts], np.float32)


def commit(ledger: SqliteLedger, *keys: TextKey, space: EmbeddingSpace = SPACE) -> None:
    """Commit texts: ten tokens and a cent each."""
    count = len(keys)
    vectors = vectors_of(*range(count))
    ledger.commit_vectors(
        space, keys, vectors, tokens=10 * count, cost_usd=0.01 * count, day="2026-11-23"
    )


def finish(ledger: SqliteLedger, name: str, source: str, *keys: TextKey, **rejects: str) -> int:
    """A document of a collection with a chunk for each text; the collection's id."""
    known = ledger.collection(name)
    entry = known or ledger.adopt_collection(
        name, store_id="c", generation=1, root=f"/{name}", selection="{}"
    )
    chunks = [(f"{source}:{number}", key) for number, key in enumerate(keys)]
    refused = {f"{source}:{number}": reason for number, reason in rejects.items()}
    ledger.complete_documents(entry.id, [CompleteDocument(document(source), chunks, refused)])
    return entry.id


@pytest.mark.parametrize(("rpm_met", "tpm_met"), [(True, False), (False, True)])
def test_what_was_found_out_of_a_quota_is_kept_by_model(
    ledger: SqliteLedger, rpm_met: bool, tpm_met: bool
) -> None:
    """To the last figure; the last one counts, and another model's is its own."""
    assert ledger.estimated_quota(SPACE) is None
    estimated = EstimatedQuota(
        EstimatedLimit(3_000, rpm_met), EstimatedLimit(90_000, tpm_met), 1.25
    )
    ledger.keep_quota(SPACE, EstimatedQuota(EstimatedLimit(), EstimatedLimit(), 1.0))
    ledger.keep_quota(SPACE, estimated)
    assert ledger.estimated_quota(SPACE) == estimated
    assert ledger.estimated_quota(OTHER) is ledger.estimated_quota(THIRD) is None


def test_vectors_are_counted_by_space_with_those_that_nothing_uses(ledger: SqliteLedger) -> None:
    """A pruning drops these alone, and says how many they were."""
    commit(ledger, A, B, C)
    commit(ledger, D, space=OTHER)
    finish(ledger, "kb", "a.md", A, A)
    assert ledger.cached_spaces() == [
        CachedSpace("gemini", "gemini-embedding-001", 4, "RETRIEVAL_DOCUMENT", 3, 2),
        CachedSpace("gemini", "gemini-embedding-2", 4, "RETRIEVAL_DOCUMENT", 1, 1),
    ]
    assert ledger.prune_unused() == 3
    assert ledger.prune_unused() == 0
    assert ledger.committed_keys([A, B, C, D]) == {A}


def test_collections_are_listed_with_what_they_hold(ledger: SqliteLedger) -> None:
    """By name; documents that are only started count among the others."""
    number = finish(ledger, "notes", "a.md", A, B, **{"1": "refused"})
    finish(ledger, "notes", "b.md", C)
    ledger.start_documents(number, ["b.md"])
    finish(ledger, "kb", "a.md", A)
    assert ledger.cached_collections() == [
        CachedCollection("kb", "/kb", 1, 0, 1, 0, "{}"),
        CachedCollection("notes", "/notes", 2, 1, 3, 1, "{}"),
    ]
    assert ledger.unfinished_collections() == ["notes"]


def test_what_is_unfinished_is_so_until_a_run_says_otherwise(ledger: SqliteLedger) -> None:
    """The run that finds it so is told; one collection's end is not another's."""
    first, second = finish(ledger, "first", "a.md"), finish(ledger, "second", "a.md")
    assert [ledger.start_filling(each) for each in (first, second)] == [False, False]
    assert ledger.start_filling(first)
    ledger.start_run("run", 8)
    ledger.end_run("run", complete=True, finished=first)
    assert ledger.unfinished_collections() == ["second"]
    assert not ledger.start_filling(first)


def test_a_collection_is_suspect_after_a_kill_until_it_is_seen_to_work(
    ledger: SqliteLedger,
) -> None:
    """Each for itself; what was in flight is told once."""
    first, second = finish(ledger, "first", "a.md"), finish(ledger, "second", "a.md")

    def suspect() -> list[bool]:
        known = [ledger.collection(name) for name in ("first", "second")]
        return [entry.suspect for entry in known if entry is not None]

    assert ledger.start_run("killed", 8) == 0
    assert suspect() == [False, False]
    assert ledger.start_run("next", 16) == 8
    assert suspect() == [True, True]
    ledger.trust_collection(first)
    assert suspect() == [False, True]
    ledger.end_run("next", complete=False)
    assert ledger.start_run("last", 16) == 0
    assert suspect() == [False, True]
    ledger.trust_collection(second)
    ledger.suspect_collections()
    assert suspect() == [True, True]


def test_the_latest_run_is_told_and_whether_it_is_over(ledger: SqliteLedger) -> None:
    """Complete only if it was neither stopped nor failed."""
    assert ledger.last_run() is None
    ledger.start_run("first", 1)
    ledger.end_run("first", complete=True)
    told = ledger.last_run()
    assert told is not None
    assert told.ended is not None
    assert (told.run_id, told.complete, told.started < told.ended) == ("first", True, True)
    ledger.start_run("second", 1)
    told = ledger.last_run()
    assert told is not None
    assert (told.run_id, told.ended, told.complete) == ("second", None, False)
    ledger.end_run("second", complete=False)
    told = ledger.last_run()
    assert told is not None
    assert (told.ended is None, told.complete) == (False, False)


def test_what_was_lost_counts_as_what_was_paid_and_is_not_there(ledger: SqliteLedger) -> None:
    """Of the day and of the bill: the service counts it as well."""
    commit(ledger, A, B)
    ledger.count_lost(SPACE, 3, tokens=30, cost_usd=0.03, day="2026-11-24")
    ledger.count_lost(SPACE, 1, tokens=10, cost_usd=0.01, day="2026-11-23")
    commit(ledger, C, space=OTHER)
    assert ledger.day_use("2026-11-23", SPACE) == DayUse(texts=3, calls=2)
    assert ledger.day_use("2026-11-24", SPACE) == DayUse(texts=3, calls=1)
    assert ledger.committed_keys([A, B, C]) == {A, B, C}
    spent, other = ledger.spending()
    assert (spent.provider, spent.model) == ("gemini", "gemini-embedding-001")
    assert (spent.texts, spent.tokens) == (6, 60)
    assert spent.cost_usd == pytest.approx(0.06)
    assert other == Spending("gemini", "gemini-embedding-2", 1, 10, 0.01)


def test_chunks_whose_vectors_are_not_here_are_counted(ledger: SqliteLedger) -> None:
    """Of this collection alone."""
    commit(ledger, A)
    number = finish(ledger, "kb", "a.md", A, B, C)
    finish(ledger, "other", "a.md", D)
    assert ledger.uncommitted_chunks(number) == 2
    commit(ledger, B, C)
    assert ledger.uncommitted_chunks(number) == 0


def test_a_damaged_vector_is_replaced_or_unpaid_again(ledger: SqliteLedger) -> None:
    """What it is now is what is there; others stay as they were, byte for byte."""
    commit(ledger, A, B, C)
    before = ledger.raw_vectors([A, B, C, D])
    assert before == {
        A: vectors_of(0).tobytes(),
        B: vectors_of(1).tobytes(),
        C: vectors_of(2).tobytes(),
    }
    ledger.replace_vectors(SPACE, {A: vectors_of(9)[0], B: None, D: vectors_of(7)[0]})
    assert ledger.raw_vectors([A, B, C, D]) == {
        A: vectors_of(9).tobytes(), C: before[C], D: vectors_of(7).tobytes(),
    }  # fmt: skip
    assert ledger.day_use("2026-11-23", SPACE) == DayUse(texts=3, calls=1)


def test_vectors_that_are_taken_back_are_counted_and_none_is_overwritten(
    ledger: SqliteLedger,
) -> None:
    """Chroma's copy of a vector that is here says nothing new, and costs nothing."""
    commit(ledger, A)
    assert ledger.restore_vectors(SPACE, {A: vectors_of(5)[0], B: vectors_of(6)[0]}) == 1
    assert ledger.raw_vectors([A, B]) == {A: vectors_of(0).tobytes(), B: vectors_of(6).tobytes()}
    assert ledger.day_use("2026-11-23", SPACE) == DayUse(texts=1, calls=1)
    assert ledger.restore_vectors(SPACE, {}) == 0


def test_more_than_one_query_takes_is_read_all_the_same(ledger: SqliteLedger) -> None:
    """Keys by the thousand; a refusal is told of those alone that stand refused and are unpaid."""
    keys = [TextKey(number.to_bytes(32, "big")) for number in range(10, 1_211)]
    commit(ledger, *keys)
    assert len(ledger.raw_vectors(keys)) == 1_201
    for each in (keys[0], A):
        ledger.refuse_text(each, "400")
    known = ledger.known_texts([*keys, A, D])
    assert (set(known.committed), known.refused) == (set(keys), {A: "400"})
    for each in keys:
        ledger.refuse_text(each, "400")
    assert len(ledger.refused_texts(keys)) == 1_201


def test_a_collection_is_read_page_by_page(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing twice, nothing left out, nothing of another collection."""
    monkeypatch.setattr(contents, "PAGE", 2)
    number = finish(ledger, "kb", "a.md", A, B, C, **{"0": "too long", "2": "refused"})
    other = finish(ledger, "other", "a.md", D)
    for source in ("b.md", "c.md"):
        finish(ledger, "kb", source)
    ledger.start_documents(number, ["c.md"])
    ledger.reject(number, "d.md", "not UTF-8")
    ledger.reject(other, "d.md", "not UTF-8")
    pages, after = [ledger.documents_page(number, 0)], 0
    while pages[-1]:
        after = pages[-1][-1].id
        pages.append(ledger.documents_page(number, after))
    assert [[each.source for each in page] for page in pages] == [["a.md", "b.md"], ["c.md"], []]
    first = pages[0][0]
    assert (first.digest, first.version) == ("d1", document("a.md").file.version)
    assert (first.complete, first.chunk_count, pages[1][0].complete) == (True, 3, False)
    assert ledger.chunks_page(first.id, "") == [("a.md:0", A), ("a.md:1", B)]
    assert ledger.chunks_page(first.id, "a.md:1") == [("a.md:2", C)]
    assert ledger.chunks_page(first.id, "a.md:2") == []
    rejects = [
        LedgerReject("a.md", "a.md:0", "too long"), LedgerReject("a.md", "a.md:2", "refused"),
    ]  # fmt: skip
    assert ledger.rejects_page(number, ("", "")) == rejects
    last = [LedgerReject("d.md", "", "not UTF-8")]
    assert ledger.rejects_page(number, ("a.md", "a.md:2")) == last
    assert ledger.rejects_page(number, ("d.md", "")) == []


@pytest.mark.parametrize("spoilt", [False, True])
def test_what_fails_for_no_known_reason_is_damage_only_if_a_check_finds_some(
    tmp_path: Path, spoilt: bool
) -> None:
    """What another program has put there is not; what SQLite's own check finds is told."""
    SqliteLedger(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / LEDGER_NAME)) as other:
        other.execute(
            "CREATE TRIGGER theirs BEFORE INSERT ON refused_texts"
            " BEGIN SELECT raise(ABORT, 'not here'); END"
        )
        if spoilt:
            other.execute("CREATE TABLE spoilt (x)")
            other.execute("INSERT INTO spoilt VALUES (NULL)")
            other.execute("PRAGMA writable_schema=1")
            other.execute(
                "UPDATE sqlite_master SET sql = 'CREATE TABLE spoilt (x NOT NULL)'"
                " WHERE name = 'spoilt'"
            )
        other.commit()
    with (
        contextlib.closing(SqliteLedger(tmp_path)) as ledger,
        pytest.raises(LedgerError, match="not here") as caught,
    ):
        ledger.refuse_text(A, "400")
    assert LEDGER_NAME in str(caught.value)
    assert isinstance(caught.value, LedgerDamagedError) == spoilt
    assert ("NULL value in spoilt.x" in str(caught.value)) == spoilt
    assert ("run again: it is quarantined" in caught.value.hint) == spoilt
    assert ("see that no other program has it open" in caught.value.hint) == (not spoilt)


@pytest.mark.parametrize(
    ("code", "damaged"),
    [(sqlite3.SQLITE_CORRUPT_INDEX, True), (sqlite3.SQLITE_IOERR_READ, False), (None, False)],
)
def test_a_check_that_fails_is_damage_if_the_file_is_why(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch, code: int | None, damaged: bool
) -> None:
    """SQLite's own check of the file, after an error that says nothing of it."""
    failure = sqlite3.DatabaseError("the check ended")
    if code is not None:
        failure.sqlite_errorcode = code

    class Failing:
        in_transaction = False

        def execute(self, statement: str, *_values: object) -> object:
            raise failure if "integrity_check" in statement else unknown

        def close(self) -> None:
            pass

    unknown = sqlite3.DatabaseError("something")
    unknown.sqlite_errorcode = sqlite3.SQLITE_ERROR
    with contextlib.closing(ledger._db):
        monkeypatch.setattr(ledger, "_db", Failing())
        with pytest.raises(LedgerError, match="something") as caught:
            ledger.last_run()
    assert isinstance(caught.value, LedgerDamagedError) == damaged
    assert ("something: the check ended" in caught.value.message) == damaged


def test_the_readers_of_a_collection_are_told(ledger: SqliteLedger) -> None:
    """Each once; those of another collection are not among them."""
    for name, sources in (("c", ("a.md", "b.md", "d.csv")), ("other", ("e.pdf",))):
        collection = ledger.adopt_collection(name, store_id=name, generation=1, root="/").id
        done = [
            CompleteDocument(replace(document(source), reader=source[-3:]), [], {})
            for source in sources
        ]
        ledger.start_documents(collection, sources)
        ledger.complete_documents(collection, done)
        assert ledger.readers(collection) == {source[-3:] for source in sources}


@pytest.mark.parametrize(
    ("code", "full", "kind", "words"),
    [
        (None, "", LedgerDamagedError, "{path} is damaged: the words"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "", LedgerDamagedError, "{path} is damaged: the words"),
        (sqlite3.SQLITE_FULL, "", DiskFullError, "full beneath the ledger in {folder}: the words"),
        (
            sqlite3.SQLITE_IOERR_WRITE,
            "ledger",
            DiskFullError,
            "full beneath the ledger in {folder}",
        ),
        (sqlite3.SQLITE_FULL, "temporary", DiskFullError, "temporary files in {tmp}: the words"),
        (sqlite3.SQLITE_IOERR_WRITE, "ledger temporary", DiskFullError, "full beneath the led"),
        (sqlite3.SQLITE_IOERR_WRITE, "", StoreWriteError, "cannot write the ledger {path}: the w"),
        (sqlite3.SQLITE_BUSY, "", LedgerError, "the ledger {path} failed: the words"),
    ],
)
def test_an_error_of_sqlites_is_told_as_what_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int | None,
    full: str,
    kind: type[WaypointError],
    words: str,
) -> None:
    """Damage, a full disk, which one, a file that cannot be written, or another program."""
    elsewhere = Path("/elsewhere")
    disks = {"ledger": tmp_path, "temporary": elsewhere}
    for module in (file, temporary):
        monkeypatch.setattr(module, "temporary_folder", lambda: elsewhere)
        monkeypatch.setattr(
            module, "is_full", lambda folder: folder in [disks[name] for name in full.split()]
        )
    failure = sqlite3.DatabaseError("the words")
    if code is not None:
        failure.sqlite_errorcode = code
    with contextlib.closing(SqliteLedger(tmp_path)) as ledger:
        told = ledger._translate(failure)
    assert type(told) is kind
    named = words.format(path=tmp_path / LEDGER_NAME, folder=tmp_path, tmp=elsewhere)
    assert named in told.message
    assert told.hint
