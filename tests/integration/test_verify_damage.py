"""Each kind of damage: made by hand, found by the check that should find it, and repaired."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.collection import SIMULATED, assert_holds, chunks_of, read_embedded
from tests.support.verified_store import VerifiedStore, failing, statuses

DOCUMENT = "category_0/document_000.md"
OTHER = "category_1/document_001.md"


def ids_of(collection: Any, source: str = DOCUMENT) -> list[str]:
    """A document's chunks, in order."""
    found = collection.get(where={"source": source}, include=["metadatas"])
    pairs = zip(found["ids"], found["metadatas"], strict=True)
    return [pair[0] for pair in sorted(pairs, key=lambda pair: int(pair[1]["chunk_index"]))]


def record_of(collection: Any, chunk_id: str) -> dict[str, Any]:
    """A record's parts, as ``add`` wants them."""
    found = collection.get(ids=[chunk_id], include=["metadatas", "documents", "embeddings"])
    return {name: found[name] for name in ("metadatas", "documents", "embeddings")}


def lose_a_chunk(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.delete(ids=ids_of(collection)[1:2])


def lose_a_document(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.delete(where={"source": DOCUMENT})


def add_an_orphan(store: VerifiedStore) -> None:
    with store.collection() as collection:
        record = record_of(collection, ids_of(collection)[0])
        record["metadatas"][0] |= {"source": "gone/away.md", "chunk_index": 0, "chunk_count": 1}
        collection.add(ids=["gone-away:0"], **record)


def add_a_chunk_to_a_document(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.add(ids=["extra:0"], **record_of(collection, ids_of(collection)[0]))


def add_a_record_of_nobody(store: VerifiedStore) -> None:
    with store.collection() as collection:
        vector = record_of(collection, ids_of(collection)[0])["embeddings"]
        collection.add(ids=["nobody"], documents=["Nobody's."], embeddings=vector)


def change_a_text(store: VerifiedStore) -> None:
    with store.collection() as collection:
        vector = record_of(collection, ids_of(collection)[0])["embeddings"]
        collection.update(ids=ids_of(collection)[:1], documents=["Other."], embeddings=vector)


def change_a_hash(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.update(ids=ids_of(collection)[:1], metadatas=[{"content_hash": "0" * 64}])


def stretch_a_vector(store: VerifiedStore) -> None:
    with store.collection() as collection:
        (chunk_id, *_) = ids_of(collection)
        vector = record_of(collection, chunk_id)["embeddings"]
        collection.update(ids=[chunk_id], embeddings=np.array(vector) * 1.5)


def empty_a_vector(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.update(ids=ids_of(collection)[:1], embeddings=np.zeros((1, 768)))


def swap_two_vectors(store: VerifiedStore) -> None:
    with store.collection() as collection:
        first, second = ids_of(collection)[0], ids_of(collection, OTHER)[0]
        vectors = [record_of(collection, i)["embeddings"][0] for i in (second, first)]
        collection.update(ids=[first, second], embeddings=np.array(vectors))


def lose_a_field(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.update(ids=ids_of(collection)[:1], metadatas=[{"title": None}])


def lose_a_source(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.update(ids=ids_of(collection)[:1], metadatas=[{"source": None}])


def change_a_type(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.update(ids=ids_of(collection)[:1], metadatas=[{"chunk_index": "0"}])


def repeat_an_index(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.update(ids=ids_of(collection)[:1], metadatas=[{"chunk_index": 1}])


def give_a_chunk_to_another_document(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.update(ids=ids_of(collection)[:1], metadatas=[{"source": OTHER}])


def lower_the_generation(store: VerifiedStore) -> None:
    with store.collection() as collection:
        collection.modify(metadata=dict(collection.metadata) | {"waypoint_generation": 0})


def leave_a_document_started(store: VerifiedStore) -> None:
    with store.ledger() as db:
        db.execute("UPDATE documents SET complete = 0 WHERE source = ?", (DOCUMENT,))


def forget_a_document(store: VerifiedStore) -> None:
    with store.ledger() as db:
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("DELETE FROM documents WHERE source = ?", (DOCUMENT,))


def damage_a_committed_vector(store: VerifiedStore) -> None:
    """Its length in bytes is not even that of a vector."""
    with store.ledger() as db:
        db.execute("UPDATE vectors SET vector = x'0102030405' WHERE rowid = 1")


def damage_both_vectors(store: VerifiedStore) -> None:
    """Of one text: neither the ledger nor the collection has it any more."""
    with store.collection() as collection:
        (chunk_id, *_) = ids_of(collection)
        collection.update(ids=[chunk_id], embeddings=np.zeros((1, 768)))
    with store.ledger() as db:
        db.execute(
            """UPDATE vectors SET vector = zeroblob(768 * 4)
            WHERE text_key = (SELECT text_key FROM chunks WHERE chunk_id = ?)""",
            (chunk_id,),
        )


def scribble_over_the_ledger(store: VerifiedStore) -> None:
    (store.store / "waypoint.sqlite3").write_bytes(b"not a ledger" * 1000)


def delete_the_collection(store: VerifiedStore) -> None:
    with store.client() as client:
        client.delete_collection(SIMULATED)


def break_the_database(store: VerifiedStore) -> None:
    with (store.store / "chroma.sqlite3").open("r+b") as database:
        database.write(b"\0" * 5000)


def add_a_file(store: VerifiedStore) -> None:
    (store.knowledge_base / "new.md").write_text("A new document.")


def remove_a_file(store: VerifiedStore) -> None:
    (store.knowledge_base / DOCUMENT).unlink()


def edit_a_file(store: VerifiedStore) -> None:
    """One letter, with size and mtime as they were: only the digest tells."""
    path = store.knowledge_base / DOCUMENT
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-3:-2] = b"q"
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@dataclass(frozen=True)
class Case:
    """A damage, the checks that must fail and no other, and the texts its repair embeds."""

    damage: Callable[[VerifiedStore], None]
    found_by: set[str]
    to_embed: int = 0


CASES = (
    Case(lose_a_chunk, {"sequence", "ledger"}),
    Case(lose_a_document, {"sources", "ledger"}),
    Case(add_an_orphan, {"orphans", "ledger"}),
    Case(add_a_chunk_to_a_document, {"sequence", "ledger"}),
    Case(add_a_record_of_nobody, {"orphans", "metadata", "ledger"}),
    Case(change_a_text, {"texts"}),
    Case(change_a_hash, {"texts"}),
    Case(stretch_a_vector, {"vectors"}),
    Case(empty_a_vector, {"vectors"}),
    Case(swap_two_vectors, {"committed"}),
    Case(lose_a_field, {"metadata"}),
    Case(lose_a_source, {"metadata"}),
    Case(change_a_type, {"metadata"}),
    Case(repeat_an_index, {"sequence"}),
    Case(give_a_chunk_to_another_document, {"metadata", "sequence"}),
    Case(lower_the_generation, {"ledger"}),
    Case(leave_a_document_started, {"ledger"}),
    Case(forget_a_document, {"sources", "ledger"}),
    Case(damage_a_committed_vector, {"committed"}),
    Case(damage_both_vectors, {"committed", "vectors"}, to_embed=1),
    # Nobody knows before what the collection still has: it is told as the most there can be.
    Case(scribble_over_the_ledger, {"ledger"}, to_embed=24),
    Case(delete_the_collection, {"collection"}),
    Case(break_the_database, {"collection"}),
    Case(add_a_file, {"sources"}, to_embed=1),
    Case(remove_a_file, {"orphans"}),
    Case(edit_a_file, {"stale"}, to_embed=1),
)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> VerifiedStore:
    """A store of 24 chunks in 6 documents; only to be copied."""
    store = VerifiedStore(tmp_path_factory.mktemp("ingested"))
    store.make(documents=6, sections=4)
    return store


@pytest.fixture
def store(tmp_path: Path, ingested: VerifiedStore) -> VerifiedStore:
    """A copy of it."""
    return ingested.copy_to(tmp_path / "copy")


def test_what_is_whole_passes(store: VerifiedStore) -> None:
    """Every check of a fresh collection passes; what has no questions is skipped."""
    code, report = store.verify()
    assert code == 0
    assert report["passed"]
    outcome = statuses(report)
    assert outcome.pop("retrieval") == "SKIP"
    assert outcome.pop("contents") == "INFO"
    assert set(outcome.values()) == {"PASS"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.damage.__name__)
def test_damage_is_found_and_repaired(store: VerifiedStore, case: Case) -> None:
    """Those checks fail and no other; afterwards the collection is what the folder makes."""
    case.damage(store)
    code, report = store.verify(repair=True, yes=True)
    assert set(report["repair"]["found"]) == case.found_by
    assert (code, failing(report)) == (0, set())
    assert report["repair"]["texts_to_embed"] == case.to_embed
    assert_holds(read_embedded(store.store, store.logs), chunks_of(store.knowledge_base))


def test_a_sample_finds_what_is_wrong_in_every_place(
    store: VerifiedStore,
) -> None:
    """Vectors mixed up before the commit agree everywhere; only the service knows better."""
    with store.collection() as collection:
        found = collection.get(include=["embeddings"])
        ids, vectors = found["ids"][:8], found["embeddings"][:8]
        collection.update(ids=ids, embeddings=vectors[::-1])
    with store.ledger() as db:
        for chunk_id, vector in zip(ids, vectors[::-1], strict=True):
            db.execute(
                """UPDATE vectors SET vector = ? WHERE text_key =
                    (SELECT text_key FROM chunks WHERE chunk_id = ?)""",
                (vector.astype("<f4").tobytes(), chunk_id),
            )
    code, report = store.verify(checks=("integrity",))
    assert (code, failing(report)) == (0, set())
    code, report = store.verify(checks=("collection",), sample=100)
    assert (code, failing(report)) == (1, {"sample"})
    (check,) = [check for check in report["checks"] if check["name"] == "sample"]
    assert check["found"] == 8
