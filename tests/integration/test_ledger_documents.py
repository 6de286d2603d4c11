"""What the ledger knows of documents: unchanged, started, done, vanished, rejected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.documents import document, source_file
from waypoint.models import Document
from waypoint.storage.ledger.records import (
    CompleteDocument,
    KnownDocument,
    LedgerCollection,
    Partition,
)
from waypoint.storage.ledger.sqlite import SqliteLedger

KEY = b"k" * 32


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """A new ledger in a folder of its own."""
    opened = SqliteLedger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def collection(ledger: SqliteLedger) -> int:
    """The id of a collection that the ledger describes."""
    return adopt(ledger).id


def adopt(ledger: SqliteLedger, name: str = "kb", store_id: str = "c1") -> LedgerCollection:
    """Describe a collection."""
    return ledger.adopt_collection(name, store_id=store_id, generation=1, root="/knowledge")


def finish(
    ledger: SqliteLedger,
    collection: int,
    *documents: Document,
    chunks: int = 2,
    rejects: dict[str, str] | None = None,
) -> None:
    """Begin documents, and finish them."""
    ledger.start_documents(collection, [each.source for each in documents])
    done = [
        CompleteDocument(
            each, [(f"{each.source}:{number}", KEY) for number in range(chunks)], rejects or {}
        )
        for each in documents
    ]
    ledger.complete_documents(collection, done)


def changed(ledger: SqliteLedger, collection: int, *documents: Document) -> list[str]:
    """Sources of those that are to be read again."""
    files = [each.file for each in documents]
    return [file.source for file in ledger.partition_unchanged(collection, files).changed]


def test_only_what_may_have_changed_is_read_again(ledger: SqliteLedger, collection: int) -> None:
    """A new one is, one that is done is not, and one that is only started is."""
    done, started, new = document("done.md"), document("started.md"), document("new.md")
    finish(ledger, collection, done, started)
    ledger.start_documents(collection, ["started.md"])
    partition = ledger.partition_unchanged(collection, [each.file for each in (done, started, new)])
    assert partition == Partition([started.file, new.file], unchanged_documents=1)
    assert ledger.find_documents(collection, ["done.md", "started.md", "new.md"]) == {
        "done.md": KnownDocument("d1", 2, complete=True),
        "started.md": KnownDocument("d1", 2, complete=False),
    }


def test_another_version_is_noticed(ledger: SqliteLedger, collection: int) -> None:
    """Whatever it is; and none is the one of what was rejected meanwhile."""
    known = document("a.md")
    finish(ledger, collection, known)
    assert changed(ledger, collection, known) == []
    for version in ("v0", "v1 ", "V1", "v1 racy"):
        file = replace(known.file, version=version)
        assert ledger.partition_unchanged(collection, [file]) == Partition(
            [file], unchanged_documents=0
        )
    ledger.reject(collection, "a.md", "gone")
    assert changed(ledger, collection, known) == ["a.md"]


def test_a_touched_document_is_unchanged_from_then_on(
    ledger: SqliteLedger, collection: int
) -> None:
    """Its bytes were what they had been; only its times are new."""
    finish(ledger, collection, document("a.md"))
    later = document(source_file("a.md", version="v2"))
    assert changed(ledger, collection, later) == ["a.md"]
    ledger.refresh_documents(collection, [later])
    assert changed(ledger, collection, later) == []


def test_many_documents_are_partitioned_at_once(ledger: SqliteLedger, collection: int) -> None:
    """More than one query takes."""
    documents = [document(f"{number}.md") for number in range(1_201)]
    finish(ledger, collection, *documents[:-1])
    assert changed(ledger, collection, *documents) == ["1200.md"]


def test_what_was_not_seen_has_vanished(ledger: SqliteLedger, collection: int) -> None:
    """In the order of the sources, whether done or only started; until it is forgotten."""
    finish(ledger, collection, document("b.md"), document("a.md"), document("here.md"))
    ledger.start_documents(collection, ["c.md"])
    ledger.partition_unchanged(collection, [source_file("here.md")])
    assert ledger.vanished(collection, "", []) == ["a.md", "b.md", "c.md"]
    ledger.mark_seen(["a.md"])
    ledger.forget_documents(collection, ["b.md"])
    assert ledger.vanished(collection, "", []) == ["c.md"]
    assert ledger.document_count(collection) == 3


def test_a_prefix_is_taken_letter_by_letter(ledger: SqliteLedger, collection: int) -> None:
    """No sign in it is a wildcard, and capitals count."""
    sources = ["100%/a.md", "100x/a.md", "a_b/a.md", "axb/a.md", "A_b/a.md", "a_b.md", "船/a.md"]
    finish(ledger, collection, *map(document, sources))
    for prefix in ("100%/", "a_b/", "船/"):
        assert ledger.vanished(collection, prefix, []) == [f"{prefix}a.md"]
        assert ledger.document_count(collection, prefix) == 1
    assert ledger.vanished(collection, "%", []) == []


def test_what_lies_in_an_unreadable_folder_is_not_gone(
    ledger: SqliteLedger, collection: int
) -> None:
    """It is unknown: for as long as the folder itself, or the knowledge base, is."""
    sources = ["top/a.md", "top/sub/b.md", "topmost/c.md", "to%/d.md"]
    finish(ledger, collection, *map(document, sources))
    assert ledger.vanished(collection, "", ["top"]) == ["to%/d.md", "topmost/c.md"]
    assert ledger.vanished(collection, "", ["top/sub", "to_"]) == [
        "to%/d.md",
        "top/a.md",
        "topmost/c.md",
    ]
    assert ledger.vanished(collection, "", [""]) == []


def test_a_removal_that_has_started_is_not_done(ledger: SqliteLedger, collection: int) -> None:
    """Should the file come back before it is over, it is ingested anew."""
    known = document("a.md")
    finish(ledger, collection, known)
    ledger.start_documents(collection, ["a.md"])
    assert changed(ledger, collection, known) == ["a.md"]
    assert ledger.document_count(collection) == 1


def test_chunks_are_counted_when_all_is_done(ledger: SqliteLedger, collection: int) -> None:
    """Without those that are rejected; and not at all while a document is only started."""
    assert ledger.chunk_count(collection) == 0
    finish(ledger, collection, document("a.md"), chunks=5, rejects={"a.md:3": "refused"})
    finish(ledger, collection, document("b.md"), chunks=2)
    assert ledger.chunk_count(collection) == 6
    ledger.start_documents(collection, ["b.md"])
    assert ledger.chunk_count(collection) is None
    finish(ledger, collection, document("b.md"), chunks=0)
    assert ledger.chunk_count(collection) == 4


def test_rejects_stand_until_the_document_is_done(ledger: SqliteLedger, collection: int) -> None:
    """Documents and chunks alike; finishing anew clears what is repaired."""
    ledger.reject(collection, "a.md", "not UTF-8")
    ledger.reject(collection, "a.md", "still not UTF-8")
    finish(ledger, collection, document("b.md"), rejects={"b.md:0": "x", "b.md:1": "y"})
    assert ledger.standing_rejects("kb") == 3
    finish(ledger, collection, document("a.md"))
    finish(ledger, collection, document("b.md"), rejects={"b.md:0": "x"})
    assert ledger.standing_rejects("kb") == 1
    ledger.forget_documents(collection, ["b.md"])
    assert ledger.standing_rejects("kb") == 0


def test_a_hindrance_that_is_over_is_cleared(ledger: SqliteLedger, collection: int) -> None:
    """A file that could not be read for a while is read again, though it looks as ever."""
    known = document("a.md")
    finish(ledger, collection, known, rejects={"a.md:0": "refused"})
    ledger.reject(collection, "a.md", "input/output error")
    assert ledger.standing_rejects("kb") == 2
    assert changed(ledger, collection, known) == ["a.md"]
    ledger.refresh_documents(collection, [known])
    assert ledger.standing_rejects("kb") == 1
    assert changed(ledger, collection, known) == []


def test_rejects_of_files_that_are_gone_are_cleared(ledger: SqliteLedger, collection: int) -> None:
    """Only below the prefix, and not those of documents that are still known."""
    for source in ("here.md", "gone.md", "maps/gone.md", "known.md"):
        ledger.reject(collection, source, "not UTF-8")
    ledger.start_documents(collection, ["known.md"])
    ledger.mark_seen(["here.md"])
    ledger.clear_vanished_rejects(collection, "maps/")
    assert ledger.standing_rejects("kb") == 3
    ledger.clear_vanished_rejects(collection, "")
    assert ledger.standing_rejects("kb") == 2


def test_rejects_in_a_folder_that_cannot_be_read_stand(
    ledger: SqliteLedger, collection: int
) -> None:
    """Whether their files are gone is not known."""
    for source in ("top/a.md", "topmost/b.md"):
        ledger.reject(collection, source, "not UTF-8")
    ledger.clear_vanished_rejects(collection, "", ["top"])
    assert [each.source for each in ledger.rejects()] == ["top/a.md"]


def test_a_collection_is_described_by_its_name(ledger: SqliteLedger) -> None:
    """With Chroma's own id, so that another of the same name is noticed."""
    assert ledger.collection("kb") is None
    adopted = adopt(ledger)
    assert ledger.collection("kb") == adopted
    assert (adopted.store_id, adopted.generation, adopted.root) == ("c1", 1, "/knowledge")
    ledger.set_generation(adopted.id, 7)
    assert ledger.collection("kb") == replace(adopted, generation=7)
    finish(ledger, adopted.id, document("a.md"))
    for reread in (False, True):
        ledger.set_origin(adopted.id, 8, "/elsewhere", "{}", reread=reread)
        noted = replace(adopted, generation=8, root="/elsewhere", selection="{}")
        assert ledger.collection("kb") == noted
        assert changed(ledger, adopted.id, document("a.md")) == ["a.md"] * reread


def test_another_collection_of_the_name_has_all_its_documents_started(ledger: SqliteLedger) -> None:
    """They are written anew; those of other collections are left alone."""
    ours, theirs = adopt(ledger).id, adopt(ledger, "other").id
    for collection in (ours, theirs):
        finish(ledger, collection, document("a.md"))
    adopted = adopt(ledger, store_id="c2")
    assert (adopted.id, adopted.store_id) == (ours, "c2")
    assert changed(ledger, ours, document("a.md")) == ["a.md"]
    assert changed(ledger, theirs, document("a.md")) == []


def test_a_collection_that_is_cleared_takes_its_documents_along(ledger: SqliteLedger) -> None:
    """And its rejects; it begins with nothing, and is unfinished until a run comes to its end."""
    finish(ledger, adopt(ledger).id, document("a.md"), rejects={"a.md:0": "refused"})
    ledger.clear_collection("kb", "/kb")
    assert ledger.unfinished_collections() == ["kb"]
    anew = adopt(ledger).id
    assert ledger.document_count(anew) == ledger.standing_rejects("kb") == 0
    assert ledger.partition_unchanged(anew, [source_file("a.md")]) == Partition(
        [source_file("a.md")], 0
    )


def test_what_is_done_is_known_to_the_next_run(tmp_path: Path) -> None:
    """What it saw is not: each run sees for itself."""
    first = SqliteLedger(tmp_path)
    collection = adopt(first).id
    finish(first, collection, document("a.md"))
    assert first.vanished(collection, "", []) == ["a.md"]
    first.mark_seen(["a.md"])
    assert first.vanished(collection, "", []) == []
    first.close()
    second = SqliteLedger(tmp_path)
    assert second.vanished(collection, "", []) == ["a.md"]
    assert changed(second, collection, document("a.md")) == []
    second.close()
