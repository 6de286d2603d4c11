"""What the ledger knows of files that are several documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.documents import document, source_file
from tests.support.older_ledger import make_older
from waypoint.models import Document, SourceFile
from waypoint.storage.ledger.records import CompleteDocument
from waypoint.storage.ledger.seen import SeenSources
from waypoint.storage.ledger.sqlite import SqliteLedger

FILE = source_file("list.jsonl")
LATER = source_file("list.jsonl", version="v2")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """A new ledger in a folder of its own."""
    opened = SqliteLedger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def collection(ledger: SqliteLedger) -> int:
    """The id of a collection that the ledger describes."""
    return ledger.adopt_collection("kb", store_id="c1", generation=1, root="/knowledge").id


def records(file: SourceFile, *numbers: int, digest: str = "d1") -> list[Document]:
    """Documents of these numbers."""
    whole = document(file, digest=digest)
    return [replace(whole, record=str(number)) for number in numbers]


def finish(ledger: SqliteLedger, collection: int, documents: list[Document], siblings: int) -> None:
    """Begin documents of one file, and finish them."""
    ledger.start_documents(collection, [each.source for each in documents])
    ledger.complete_documents(
        collection, [CompleteDocument(each, [], {}, siblings) for each in documents]
    )


def test_a_file_is_unchanged_when_all_its_records_are_done(
    ledger: SqliteLedger, collection: int
) -> None:
    """Then all of them count as seen, though it is not opened."""
    finish(ledger, collection, records(FILE, 1, 2, 3), 3)
    partition = ledger.partition_unchanged(collection, [FILE])
    assert (partition.changed, partition.unchanged_documents) == ([], 3)
    assert ledger.vanished(collection, "", []) == []
    assert ledger.partition_unchanged(collection, [LATER]).changed == [LATER]


def test_a_file_some_records_of_which_are_missing_is_read_again(
    ledger: SqliteLedger, collection: int
) -> None:
    """A run that died between two of them leaves no other trace."""
    finish(ledger, collection, records(FILE, 1, 2), 3)
    assert ledger.partition_unchanged(collection, [FILE]).changed == [FILE]
    ledger.start_documents(collection, ["list.jsonl#3"])
    assert ledger.partition_unchanged(collection, [FILE]).changed == [FILE]
    finish(ledger, collection, records(FILE, 3), 3)
    assert ledger.partition_unchanged(collection, [FILE]).changed == []


def test_a_record_that_is_gone_vanishes_and_until_then_the_file_is_read_again(
    ledger: SqliteLedger, collection: int
) -> None:
    """The others are touched; only those that were recalled count as seen."""
    finish(ledger, collection, records(FILE, 1, 2, 3), 3)
    assert ledger.partition_unchanged(collection, [LATER]).changed == [LATER]
    kept = records(LATER, 1, 2)
    assert set(ledger.find_documents(collection, [each.source for each in kept])) == {
        "list.jsonl#1", "list.jsonl#2",
    }  # fmt: skip
    ledger.refresh_documents(collection, kept, [2, 2])
    assert ledger.partition_unchanged(collection, [LATER]).changed == [LATER]
    assert ledger.vanished(collection, "", []) == ["list.jsonl#3"]
    ledger.forget_documents(collection, ["list.jsonl#3"])
    assert ledger.partition_unchanged(collection, [LATER]).changed == []


def test_a_record_that_was_added_is_missed_until_it_is_done(
    ledger: SqliteLedger, collection: int
) -> None:
    """Also if the older ones were touched and the run died before it was started."""
    finish(ledger, collection, records(FILE, 1, 2), 2)
    ledger.refresh_documents(collection, records(LATER, 1, 2), [3, 3])
    assert ledger.partition_unchanged(collection, [LATER]).changed == [LATER]
    finish(ledger, collection, records(LATER, 3), 3)
    assert ledger.partition_unchanged(collection, [LATER]).changed == []


def test_a_file_that_cannot_be_read_keeps_its_records(
    ledger: SqliteLedger, collection: int
) -> None:
    """Done or only started; it is read again until it can be, and then cleared."""
    finish(ledger, collection, records(FILE, 1, 2), 2)
    ledger.start_documents(collection, ["list.jsonl#3", "list.jsonl.md", "list.json"])
    ledger.mark_file_seen(collection, "list.jsonl")
    ledger.reject(collection, "list.jsonl", "not JSON")
    assert ledger.vanished(collection, "", []) == ["list.json", "list.jsonl.md"]
    assert ledger.partition_unchanged(collection, [FILE]).changed == [FILE]
    assert ledger.standing_rejects("kb") == 1
    ledger.refresh_documents(collection, records(FILE, 1, 2), [2, 2])
    ledger.clear_rejects(collection, ["list.jsonl"])
    assert ledger.standing_rejects("kb") == 0
    assert ledger.partition_unchanged(collection, [FILE]).changed == []


def test_a_record_that_cannot_be_read_keeps_its_file_open(
    ledger: SqliteLedger, collection: int
) -> None:
    """So that its reject is named again for as long as it stands."""
    finish(ledger, collection, records(FILE, 1, 2), 2)
    ledger.mark_seen(["list.jsonl#2"])
    ledger.reject(collection, "list.jsonl#2", "not JSON")
    ledger.refresh_documents(collection, records(FILE, 1), [2])
    assert ledger.partition_unchanged(collection, [FILE]).changed == [FILE]
    assert ledger.vanished(collection, "", []) == ["list.jsonl#1"]


def test_records_are_rejected_together(ledger: SqliteLedger, collection: int) -> None:
    """Each stands for itself: it is fixed, or gone, without the others."""
    finish(ledger, collection, records(FILE, 1, 2), 5)
    ledger.mark_seen(["list.jsonl#2", "list.jsonl#3", "list.jsonl#4", "list.jsonl#5"])
    reasons = [(f"list.jsonl#{number}", f"why {number}", "hint") for number in (2, 3, 4)]
    ledger.reject_all(collection, [*reasons, ("list.jsonl#5", "why", "")])
    ledger.reject_all(collection, [*reasons, ("list.jsonl#5", "why now", "")])
    assert [(each.source, each.reason, each.hint) for each in ledger.rejects()] == [
        *reasons, ("list.jsonl#5", "why now", ""),
    ]  # fmt: skip
    ledger.refresh_documents(collection, records(FILE, 2), [5])
    finish(ledger, collection, records(FILE, 4), 5)
    assert [each.source for each in ledger.rejects()] == ["list.jsonl#3", "list.jsonl#5"]
    # The next run meets the last of them alone.
    ledger._seen = SeenSources()
    ledger.mark_seen(["list.jsonl#5"])
    ledger.clear_vanished_rejects(collection, "")
    assert [each.source for each in ledger.rejects()] == ["list.jsonl#5"]


def test_a_ledger_of_before_is_taken_over(tmp_path: Path) -> None:
    """Its documents are the files they were: what was read too soon is read again, and no more."""
    ledger = SqliteLedger(tmp_path)
    collection = ledger.adopt_collection("kb", store_id="c1", generation=1, root="/k").id
    listed = "9 1800000000000000000 1800000000000000001"
    files = [source_file(name, version=listed) for name in ("a.md", "b.md", "c.md")]
    finish(ledger, collection, [document(files[0])], 1)
    ledger.start_documents(collection, ["b.md"])
    finish(ledger, collection, [document(source_file("c.md", version=f"{listed} racy"))], 1)
    ledger.close()
    make_older(ledger.path, 3)
    ledger = SqliteLedger(tmp_path)
    assert ledger.partition_unchanged(collection, files).changed == files[1:]
    ledger.close()
