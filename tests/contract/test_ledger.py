"""The contract of every ledger: the one in SQLite, and one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.documents import document, source_file
from tests.support.memory_ledger import MemoryLedger
from waypoint.models import (
    DayUse,
    Document,
    EmbeddingSpace,
    EstimatedLimit,
    EstimatedQuota,
    Sidecar,
    TextKey,
    Vectors,
)
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import CompleteDocument, KnownDocument, KnownTexts
from waypoint.storage.ledger.room import CallRoom
from waypoint.storage.ledger.thread import open_ledger

SPACE = EmbeddingSpace("gemini", "gemini-embedding-001", 2, "RETRIEVAL_DOCUMENT")
A, B, C = (bytes([number]) * 32 for number in range(3))
DAY = "2026-11-28"


@asynccontextmanager
async def in_memory(_folder: Path) -> AsyncIterator[Ledger]:
    """One that nothing outlives."""
    yield MemoryLedger()


LEDGERS: dict[str, Callable[[Path], AbstractAsyncContextManager[Ledger]]] = {
    "SQLite": open_ledger,
    "in memory": in_memory,
}


@pytest.fixture(params=LEDGERS)
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    """One of each kind, empty."""
    async with LEDGERS[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture
async def collection(ledger: Ledger) -> int:
    """The id of a collection that the ledger describes."""
    adopted = await ledger.adopt_collection("kb", store_id="c1", generation=1, root="/knowledge")
    return adopted.id


def vectors_of(*keys: TextKey) -> Vectors:
    """A vector of unit length for each key."""
    return np.array([(1, 0) if key[0] % 2 else (0, 1) for key in keys], np.float32)


async def commit(ledger: Ledger, *keys: TextKey) -> None:
    await ledger.commit_vectors(SPACE, keys, vectors_of(*keys), tokens=7, cost_usd=0.5, day=DAY)


async def complete(
    ledger: Ledger, collection: int, read: Document, *keys: TextKey, **rejects: str
) -> None:
    """Complete a document whose chunks are called c0, c1, and so on."""
    chunks = [(f"c{number}", key) for number, key in enumerate(keys)]
    await ledger.start_documents(collection, [read.source])
    await ledger.complete_documents(collection, [CompleteDocument(read, chunks, rejects)])


async def rejected(ledger: Ledger) -> list[tuple[str, str, str, str]]:
    found = await ledger.read_rejects(list)
    return [(each.source, each.chunk, each.reason, each.hint) for each in found]


async def test_committed_vectors_are_known_and_counted(ledger: Ledger) -> None:
    """Once each; a call is counted whether or not its vectors were new or could be kept."""
    await ledger.make_room(CallRoom(1, 100, 2))
    await commit(ledger, A, B)
    await commit(ledger, B)
    await ledger.count_lost(SPACE, 5, tokens=1, cost_usd=0.25, day=DAY)
    found = await ledger.committed_vectors([A, B, C])
    assert {key: list(vector) for key, vector in found.items()} == {A: [0, 1], B: [1, 0]}
    assert await ledger.committed_keys([B, C]) == {B}
    assert await ledger.raw_vectors([A]) == {A: np.array([0, 1], "<f4").tobytes()}
    assert await ledger.day_use(DAY, SPACE) == DayUse(8, 3)
    assert await ledger.day_use("2026-11-29", SPACE) == DayUse()
    (spent,) = await ledger.spending()
    assert (spent.model, spent.texts, spent.tokens, spent.cost_usd) == (SPACE.model, 8, 15, 1.25)
    assert ledger.closing is None


async def test_vectors_are_restored_and_replaced(ledger: Ledger) -> None:
    """What is committed stays; None drops one."""
    await commit(ledger, A)
    changed = np.array([1, 0], np.float32)
    assert await ledger.restore_vectors(SPACE, {A: changed, B: changed}) == 1
    assert list((await ledger.committed_vectors([A]))[A]) == [0, 1]
    await ledger.replace_vectors(SPACE, {A: changed, B: None})
    found = await ledger.committed_vectors([A, B])
    assert {key: list(vector) for key, vector in found.items()} == {A: [1, 0]}


async def test_a_refused_text_is_known_unless_it_is_committed(ledger: Ledger) -> None:
    """With the reason."""
    await ledger.refuse_text(A, "400")
    assert await ledger.known_texts([A, B]) == KnownTexts({}, {A: "400"})
    await commit(ledger, A)
    known = await ledger.known_texts([A, B])
    assert (set(known.committed), known.refused) == ({A}, {})


async def test_what_no_document_has_may_be_dropped(ledger: Ledger, collection: int) -> None:
    """Vectors and refused texts; both are counted until then."""
    await commit(ledger, A, B)
    await ledger.refuse_text(C, "400")
    assert await ledger.unfinished_collections() == []
    await complete(ledger, collection, document("a.md"), A)
    await ledger.start_documents(collection, ["b.md"])
    assert await ledger.unfinished_collections() == ["kb"]
    (space,) = await ledger.cached_spaces()
    assert (space.model, space.dimensions, space.vectors, space.unused) == (SPACE.model, 2, 2, 1)
    assert await ledger.cached_refusals() == 1
    assert await ledger.prune_unused() == 1
    assert await ledger.committed_keys([A, B]) == {A}
    assert await ledger.cached_refusals() == 0


async def test_only_a_complete_document_of_this_version_is_unchanged(
    ledger: Ledger, collection: int
) -> None:
    """Not one that was only started, touched or rejected, or of a version that is never listed."""
    good, started, fresh, refused = (document(f"{name}.md") for name in "abcd")
    files = [each.file for each in (good, started, fresh, refused)]
    fresh = replace(fresh, file=replace(fresh.file, version="v1 racy"))
    for each in (good, started, fresh, refused):
        await complete(ledger, collection, each, A)
    await ledger.start_documents(collection, [started.source])
    await ledger.reject(collection, refused.source, "unreadable")
    partition = await ledger.partition_unchanged(collection, files)
    assert (partition.changed, partition.unchanged_documents) == (files[1:], 1)
    touched = source_file("a.md", version="v2")
    assert (await ledger.partition_unchanged(collection, [touched])).changed == [touched]
    await ledger.refresh_documents(collection, [replace(good, file=touched, warnings=("odd",))])
    partition = await ledger.partition_unchanged(collection, [touched])
    assert (partition.changed, partition.warnings) == ([], {"a.md": ["odd"]})


async def test_another_version_of_a_sidecar_is_a_change(ledger: Ledger, collection: int) -> None:
    """So is one that came or went, or was not read; what it said is kept with the document."""
    sidecar = Sidecar("_metadata.yaml", "s1", beside=False)
    file = replace(source_file("a.md"), sidecars=(sidecar,))
    read = replace(document("a.md"), file=file, sidecar_digest="said")
    await complete(ledger, collection, read, A)
    other = replace(sidecar, version="s2")
    for sidecars in ((), (other,), (sidecar, other), (replace(sidecar, version=""),)):
        changed = replace(file, sidecars=sidecars)
        assert (await ledger.partition_unchanged(collection, [changed])).changed == [changed]
    assert (await ledger.partition_unchanged(collection, [file])).changed == []
    known = (await ledger.find_documents(collection, ["a.md"]))["a.md"]
    assert known.is_same(read)
    assert not known.is_same(replace(read, sidecar_digest=""))
    touched = replace(read, file=replace(file, sidecars=(other,)))
    await ledger.refresh_documents(collection, [touched])
    assert (await ledger.partition_unchanged(collection, [touched.file])).changed == []


async def test_a_file_of_records_is_unchanged_when_all_of_them_are(
    ledger: Ledger, collection: int
) -> None:
    """It knows how many documents it was."""
    read = [replace(document("list.jsonl"), record=name) for name in "12"]
    first, second = (CompleteDocument(each, [], {}, 2) for each in read)
    await ledger.complete_documents(collection, [first])
    file = read[0].file
    assert (await ledger.partition_unchanged(collection, [file])).changed == [file]
    await ledger.complete_documents(collection, [second])
    assert (await ledger.partition_unchanged(collection, [file])).unchanged_documents == 2


async def test_documents_of_another_reader_are_counted_and_read_again_on_demand(
    ledger: Ledger, collection: int
) -> None:
    """They are unchanged otherwise."""
    read = replace(document("a.md"), reader="markdown 1")
    await complete(ledger, collection, read)
    ask = ledger.partition_unchanged
    assert (await ask(collection, [read.file], lambda _: ("markdown 1",), True)).changed == []
    assert (await ask(collection, [read.file], lambda _: ("markdown 2",))).outdated_documents == 1
    assert (await ask(collection, [read.file], lambda _: ("markdown 2",), True)).changed == [
        read.file
    ]


async def test_what_is_not_seen_has_vanished(ledger: Ledger, collection: int) -> None:
    """Within the scope, and not in a folder that could not be listed."""
    names = ["b/x.md", "a.md", "c/y.md", "d.jsonl#1", "e.md", "f.md", "//more/a.md"]
    for name in names:
        await complete(ledger, collection, document(name))
    assert await ledger.find_documents(collection, ["a.md", "new.md"]) == {
        "a.md": KnownDocument("d1", 0, complete=True)
    }
    await ledger.partition_unchanged(collection, [source_file("e.md")])
    await ledger.mark_seen(["f.md"])
    await ledger.mark_file_seen(collection, "d.jsonl")
    assert await ledger.vanished(collection, "", ["c"]) == ["b/x.md"]
    assert await ledger.vanished(collection, "", []) == ["b/x.md", "c/y.md"]
    assert await ledger.vanished(collection, "//more/", []) == ["//more/a.md"]
    counts = [await ledger.document_count(collection, scope) for scope in (None, "", "b/")]
    assert counts == [7, 6, 1]
    await ledger.forget_documents(collection, ["b/x.md"])
    assert await ledger.vanished(collection, "", []) == ["c/y.md"]


async def test_the_chunks_that_a_collection_should_hold(ledger: Ledger, collection: int) -> None:
    """Without those that are rejected; not known while a document is incomplete."""
    await complete(ledger, collection, document("a.md"), A, B, c1="too odd")
    assert await ledger.chunk_count(collection) == 1
    assert await ledger.uncommitted_chunks(collection) == 2
    await commit(ledger, A)
    assert await ledger.uncommitted_chunks(collection) == 1
    (page,) = await ledger.documents_page(collection, 0)
    assert (page.source, page.complete, page.digest, page.chunk_count) == ("a.md", True, "d1", 2)
    assert await ledger.documents_page(collection, page.id) == []
    assert await ledger.chunks_page(page.id, "") == [("c0", A), ("c1", B)]
    assert await ledger.chunks_page(page.id, "c0") == [("c1", B)]
    await ledger.start_documents(collection, ["a.md"])
    assert await ledger.chunk_count(collection) is None


async def test_rejects_last_until_they_are_resolved_or_gone(
    ledger: Ledger, collection: int
) -> None:
    """Those of whole documents, and those of chunks."""
    await ledger.reject_all(collection, [("b.md", "damaged", "repair it"), ("gone.md", "odd", "")])
    await complete(ledger, collection, document("a.md"), A, c0="refused")
    await complete(ledger, collection, document("b.md"), B, c0="refused")
    listed = [("a.md", "c0", "refused", ""), ("b.md", "c0", "refused", "")]
    assert await rejected(ledger) == [*listed, ("gone.md", "", "odd", "")]
    await ledger.clear_vanished_rejects(collection, "")
    assert await rejected(ledger) == listed
    await ledger.reject(collection, "a.md", "locked")
    page = await ledger.rejects_page(collection, ("a.md", ""))
    assert [(each.source, each.chunk_id) for each in page] == [("a.md", "c0"), ("b.md", "c0")]
    await ledger.clear_rejects(collection, ["a.md"])
    await ledger.forget_documents(collection, ["b.md"])
    assert await rejected(ledger) == listed[:1]


async def test_rejected_chunks_may_be_tried_again(ledger: Ledger, collection: int) -> None:
    """Of the scope alone; a text that no document holds is let go with them."""
    for key in (A, B, C):
        await ledger.refuse_text(key, "400")
    await complete(ledger, collection, document("a.md"), A, c0="400")
    await complete(ledger, collection, document("b/b.md"), B, c0="400")
    assert await ledger.retry_rejects("nothing", "") == 0
    assert await ledger.retry_rejects("kb", "b/") == 1
    assert (await ledger.known_texts([A, B, C])).refused == {A: "400"}
    found = await ledger.find_documents(collection, ["a.md", "b/b.md"])
    assert [each.complete for each in found.values()] == [True, False]


async def test_a_collection_is_adopted_and_cleared(ledger: Ledger, collection: int) -> None:
    """Its documents become incomplete, or go; its vectors stay."""
    await commit(ledger, A)
    await complete(ledger, collection, document("a.md"), A)
    again = await ledger.adopt_collection("kb", store_id="c2", generation=3, root="/other")
    assert again == await ledger.collection("kb")
    assert (again.id, again.store_id, again.generation) == (collection, "c2", 3)
    assert await ledger.chunk_count(collection) is None
    await ledger.set_origin(collection, 4, "/third", "{}", reread=False)
    await ledger.set_generation(collection, 5)
    (cached,) = await ledger.cached_collections()
    assert (cached.root, cached.documents, cached.incomplete) == ("/third", 1, 1)
    await ledger.clear_collection("kb", "/fourth", "{}")
    (cached,) = await ledger.cached_collections()
    assert (cached.root, cached.documents, cached.chunks) == ("/fourth", 0, 0)
    assert await ledger.committed_keys([A]) == {A}
    assert await ledger.collection("nothing") is None


async def test_another_origin_may_have_all_documents_read_again(
    ledger: Ledger, collection: int
) -> None:
    """Then none of them is complete."""
    await complete(ledger, collection, document("a.md"))
    await ledger.set_origin(collection, 2, "/knowledge", "{}", reread=True)
    assert await ledger.chunk_count(collection) is None


async def test_killed_runs_are_told_of_once(ledger: Ledger, collection: int) -> None:
    """And make collections suspect; those that ended, here or elsewhere, don't."""

    async def suspect() -> bool:
        found = await ledger.collection("kb")
        return found is not None and found.suspect

    assert await ledger.last_run() is None
    assert await ledger.start_run("run-1", 800) == 0
    assert not await ledger.start_filling(collection)
    await ledger.end_run("run-1", complete=True, finished=collection)
    assert await ledger.start_run("run-2", 800) == 0
    assert not await ledger.start_filling(collection)
    assert await ledger.start_run("run-3", 200, ["run-2"]) == 0
    assert await ledger.start_filling(collection)
    assert not await suspect()
    assert await ledger.start_run("run-4", 100) == 200
    assert await suspect()
    await ledger.trust_collection(collection)
    assert not await suspect()
    await ledger.end_run("run-4", complete=False)
    last = await ledger.last_run()
    assert last is not None
    assert (last.run_id, last.complete, last.ended is None) == ("run-4", False, False)
    await ledger.suspect_collections()
    assert await suspect()


async def test_a_quota_is_kept_by_model(ledger: Ledger) -> None:
    """The last one counts."""
    assert await ledger.estimated_quota(SPACE) is None
    for rpm in (100, 3_000):
        found = EstimatedQuota(EstimatedLimit(rpm, met=True), EstimatedLimit(), 1.25)
        await ledger.keep_quota(SPACE, found)
    assert await ledger.estimated_quota(SPACE) == found
    assert await ledger.estimated_quota(replace(SPACE, model="other")) is None
