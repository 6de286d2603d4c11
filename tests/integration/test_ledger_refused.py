"""Texts that the service refuses: known to every collection, forgotten only when asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.documents import document
from waypoint.storage.ledger.records import CompleteDocument, RejectedItem
from waypoint.storage.ledger.sqlite import SqliteLedger

A, B, C, ORPHAN = (bytes([number]) * 32 for number in range(4))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """Two collections with refused texts: x/a.md in both, y/b.md in the first; and an orphan."""
    opened = SqliteLedger(tmp_path)
    for name in ("first", "second"):
        reject(opened, name, "x/a.md", (A, B))
    reject(opened, "first", "y/b.md", (C,))
    for key in (A, B, C, ORPHAN):
        opened.refuse_text(key, "400")
    yield opened
    opened.close()


def reject(ledger: SqliteLedger, name: str, source: str, keys: Sequence[bytes]) -> None:
    """Finish a document of which every chunk but one is rejected."""
    known = ledger.collection(name)
    entry = known or ledger.adopt_collection(name, store_id="c", generation=1, root="/")
    chunks = [(f"{source}:{number}", key) for number, key in enumerate((*keys, b"g" * 32))]
    refused = {chunk: "400" for chunk, key in chunks if key in keys}
    ledger.complete_documents(entry.id, [CompleteDocument(document(source), chunks, refused)])


def started(ledger: SqliteLedger, name: str) -> list[str]:
    """Documents of a collection that are to be done again."""
    entry = ledger.collection(name)
    assert entry is not None
    known = ledger.find_documents(entry.id, ["x/a.md", "y/b.md"])
    return [source for source, document in known.items() if not document.complete]


def refused(ledger: SqliteLedger) -> set[bytes]:
    """The texts that stand refused."""
    return set(ledger.refused_texts([A, B, C, ORPHAN]))


def test_a_reason_is_kept_and_the_last_one_counts(ledger: SqliteLedger) -> None:
    """Texts that nobody refused are not among them."""
    ledger.refuse_text(A, "413")
    assert ledger.refused_texts([A, C, b"g" * 32]) == {A: "413", C: "400"}
    assert ledger.refused_texts([]) == {}


@pytest.mark.parametrize(
    ("prefix", "rejects", "left", "again"),
    [
        ("", 3, set(), ["x/a.md", "y/b.md"]),
        ("x/", 2, {C}, ["x/a.md"]),
        ("z/", 0, {A, B, C}, []),
    ],
    ids=["all", "a category", "another"],
)
def test_what_is_tried_again(
    ledger: SqliteLedger, prefix: str, rejects: int, left: set[bytes], again: list[str]
) -> None:
    """Refusals of the collection's rejects, and those of no document; no other document's."""
    assert ledger.retry_rejects("first", prefix) == rejects
    assert (refused(ledger), started(ledger, "first"), started(ledger, "second")) == (
        left,
        again,
        [],
    )
    # They stand until they are done; asked again, nothing is different.
    assert ledger.standing_rejects("first") == 3
    assert ledger.retry_rejects("first", prefix) == rejects


def test_of_a_collection_that_is_not_known_nothing_is_tried_again(ledger: SqliteLedger) -> None:
    """But for what no document holds."""
    assert ledger.retry_rejects("third", "") == 0
    assert refused(ledger) == {A, B, C}


def test_pruning_drops_what_no_document_holds(ledger: SqliteLedger) -> None:
    """A document that is gone takes its refusals along, unless another holds the text."""
    first = ledger.collection("first")
    assert first is not None
    ledger.forget_documents(first.id, ["x/a.md", "y/b.md"])
    ledger.prune_unused()
    assert refused(ledger) == {A, B}
    assert ledger.cached_refusals() == 2
    ledger.clear_collection("second", "")
    ledger.prune_unused()
    assert refused(ledger) == set()


def test_all_rejects_are_listed_in_order(ledger: SqliteLedger) -> None:
    """Of all collections, documents among chunks, with the hint where there is one."""
    second = ledger.collection("second")
    assert second is not None
    ledger.reject(second.id, "big.pdf", "too large", "raise MAX_FILE_SIZE")
    ledger.reject(second.id, "x/a.md", "not UTF-8")
    assert list(ledger.rejects()) == [
        RejectedItem("first", "x/a.md", "x/a.md:0", "400", ""),
        RejectedItem("first", "x/a.md", "x/a.md:1", "400", ""),
        RejectedItem("first", "y/b.md", "y/b.md:0", "400", ""),
        RejectedItem("second", "big.pdf", "", "too large", "raise MAX_FILE_SIZE"),
        RejectedItem("second", "x/a.md", "", "not UTF-8", ""),
        RejectedItem("second", "x/a.md", "x/a.md:0", "400", ""),
        RejectedItem("second", "x/a.md", "x/a.md:1", "400", ""),
    ]
