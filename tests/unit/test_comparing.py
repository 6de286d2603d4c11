"""What is held against each other in the inventory, without a store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.documents import source_file
from waypoint.errors import DocumentRejectedError
from waypoint.models import Discovery, FileReject, SourceFile, UnreadableFolder
from waypoint.storage.ledger.records import LedgerDocument, LedgerReject
from waypoint.verification.checks import Status
from waypoint.verification.compare import (
    check_orphans,
    check_sequence,
    check_sources,
    check_stale,
    count_contents,
)
from waypoint.verification.inventory import Inventory, Seen


class Files:
    """Files by source, with their digests; what has none cannot be read."""

    def __init__(self, digests: dict[str, str]) -> None:
        self._digests = digests

    def discover(self) -> Iterator[Discovery]:
        return iter([source_file(source) for source in self._digests])

    def is_edited(self, file: SourceFile, before: str) -> bool:
        """A version may be told to be racy; an edit is told all the same."""
        return bool(before) and before.removesuffix(" racy") != file.version

    def digest(self, file: SourceFile) -> str:
        if not self._digests[file.source]:
            raise DocumentRejectedError(file.source, "permission denied")
        return self._digests[file.source]

    def sidecar_digest(self, file: SourceFile) -> str:
        """Of the first of them, its source, which stands for what it says."""
        return file.sidecars[0].source if file.sidecars else ""


@pytest.fixture
def inventory() -> Iterator[Inventory]:
    """An empty inventory."""
    inventory = Inventory()
    yield inventory
    inventory.close()


def ingested(source: str, *, version: str = "v1", chunks: int = 1) -> LedgerDocument:
    """A document as the ledger has it."""
    return LedgerDocument(1, source, True, version, "d1", chunks)


def store(inventory: Inventory, *records: tuple[str, int, int]) -> None:
    """Records by source, chunk_index and chunk_count, as if they had been read."""
    ids = [f"{number}" for number in range(len(records))]
    inventory.add_ids(ids)
    inventory.add_seen(
        Seen(chunk_id, source, index, count, source.encode(), False)
        for chunk_id, (source, index, count) in zip(ids, records, strict=True)
    )
    inventory.settle()


def test_records_of_a_file_are_the_files(inventory: Inventory) -> None:
    """``a.jsonl#1`` is of ``a.jsonl``; a file whose name has a # in it is itself."""
    inventory.add_files(map(source_file, ("a.jsonl", "b#c.md", "b#c.md#d.md")))
    sources = ("a.jsonl#1", "a.jsonl#2#3", "b#c.md", "b#c.md#7", "b#c.md#d.md")
    inventory.add_documents(map(ingested, sources))
    store(inventory, *((source, 0, 1) for source in sources))
    assert check_sources(inventory).status is Status.PASS
    assert check_orphans(inventory).status is Status.PASS


def test_a_record_of_no_file_is_an_orphan(inventory: Inventory) -> None:
    """And one in a folder that cannot be listed is not known to be."""
    inventory.add_files([source_file("a.jsonl"), UnreadableFolder("closed", "no")])
    store(inventory, ("a.jsonl#1", 0, 1), ("b.jsonl#1", 0, 1), ("closed/c.md", 0, 1))
    result = check_orphans(inventory)
    assert (result.status, result.found) == (Status.FAIL, 1)
    assert list(result.examples) == ["b.jsonl#1: 1 chunks without a source"]


def test_rejected_files_are_accounted_for(inventory: Inventory) -> None:
    """By the walk or by the ledger; one that is neither ingested nor rejected is named."""
    inventory.add_files([*map(source_file, ("a.md", "b.md")), FileReject("c.md", "too large")])
    inventory.add_rejects([LedgerReject("a.md", "", "not UTF-8")])
    result = check_sources(inventory)
    assert list(result.examples) == ["b.md: not ingested"]
    assert "3 files, 2 of them rejected" in result.figure


def test_rejected_records_are_counted_for_themselves(inventory: Inventory) -> None:
    """Their file is not: its others are ingested."""
    inventory.add_files([source_file("r.jsonl")])
    inventory.add_documents([ingested("r.jsonl#1", chunks=0)])
    inventory.add_rejects([LedgerReject(f"r.jsonl#{number}", "", "why") for number in (2, 3)])
    result = check_sources(inventory)
    assert result.status is Status.PASS
    assert result.figure.startswith("1 files, 0 of them rejected; 2 records of others rejected")


def test_a_rejected_chunk_leaves_its_number_unused(inventory: Inventory) -> None:
    """Other gaps, numbers beyond the count and counts that differ are named."""
    inventory.add_rejects([LedgerReject("a.md", "x", "refused")])
    store(
        inventory,
        ("a.md", 0, 3), ("a.md", 2, 3),
        ("gap.md", 0, 3), ("gap.md", 2, 3),
        ("twice.md", 0, 2), ("twice.md", 0, 2),
        ("beyond.md", 0, 2), ("beyond.md", 2, 2),
        ("counts.md", 0, 2), ("counts.md", 1, 3),
    )  # fmt: skip
    result = check_sequence(inventory)
    named = [example.partition(":")[0] for example in result.examples]
    assert named == ["beyond.md", "counts.md", "gap.md", "twice.md"]


@pytest.mark.parametrize(
    ("source", "document", "stale"),
    [
        ("a.md", ingested("a.md"), False),
        ("a.md", ingested("a.md", version="v0"), False),
        ("a.md", ingested("a.md", version="v1 racy"), False),
        ("b.md", ingested("b.md", version="v0"), True),
        ("b.md", ingested("b.md", version="v1 racy"), True),
        ("c.md", ingested("c.md", version="v0"), True),
        ("r.jsonl", ingested("r.jsonl#1"), False),
        ("r.jsonl", ingested("r.jsonl#1", version="v1 racy"), False),
        ("r.jsonl", ingested("r.jsonl#1", version="v0"), True),
    ],
)
def test_a_file_is_stale_by_its_bytes(
    inventory: Inventory, source: str, document: LedgerDocument, stale: bool
) -> None:
    """Another version alone is nothing, where the digest can tell; a record's cannot."""
    folder = Files({"a.md": "d1", "b.md": "d2", "c.md": "", "r.jsonl": "d9"})
    inventory.add_files([source_file(source)])
    inventory.add_documents([document])
    assert (check_stale(inventory, folder).status is Status.FAIL) is stale


def test_one_that_is_rejected_now_is_not_stale(inventory: Inventory) -> None:
    """It keeps its older version on purpose."""
    inventory.add_files([source_file("a.md")])
    inventory.add_documents([ingested("a.md", version="v0")])
    inventory.add_rejects([LedgerReject("a.md", "", "not UTF-8")])
    assert check_stale(inventory, Files({"a.md": "d2"})).status is Status.PASS


@pytest.mark.parametrize(
    ("rejected", "read_again", "stale"),
    [("r.jsonl#2", True, 0), ("r.jsonl", False, 0), ("r.jsonl#2", False, 1), ("", True, 1)],
)
def test_a_record_that_may_be_the_rejected_one_is_not_stale(
    inventory: Inventory, rejected: str, read_again: bool, stale: int
) -> None:
    """A damaged line does not say which it is; a file that changed after that is stale."""
    inventory.add_files([source_file("r.jsonl")])
    inventory.add_documents([ingested("r.jsonl#kept", version="v0")])
    if read_again:
        inventory.add_documents([ingested("r.jsonl#other")])
    if rejected:
        inventory.add_rejects([LedgerReject(rejected, "", "not JSON")])
    assert check_stale(inventory, Files({"r.jsonl": "d2"})).found == stale


def test_contents_are_counted(inventory: Inventory) -> None:
    """Duplicates by their texts' hashes."""
    store(inventory, ("a.md", 0, 1), ("b.md", 0, 1), ("a.md", 1, 2))
    assert count_contents(inventory).figure == "3 chunks, 1 with the text of another, 0 empty"
