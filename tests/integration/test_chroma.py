"""One contract for every store: the private server and the one of the ``chroma`` command."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import httpx2
import numpy as np
import pytest

from tests.support.chroma_servers import chroma_command, free_port, private_server
from tests.support.page_server import page_server
from waypoint.errors import StoreUnavailableError
from waypoint.formats.metadata import FieldCollector
from waypoint.models import Chunk, EmbeddingSpace, MetadataValue, Vectors
from waypoint.observe.events import EventBus
from waypoint.storage.chroma.store import PAGE, ChromaStore, open_chroma

DIMENSIONS = 8
GEMINI = EmbeddingSpace("gemini", "gemini-embedding-001", DIMENSIONS, "RETRIEVAL_DOCUMENT")
SIMULATED = EmbeddingSpace("simulator", "gemini-embedding-001", DIMENSIONS, "RETRIEVAL_DOCUMENT")
SERVERS = {"private server": private_server, "chroma run": chroma_command}


@pytest.fixture(scope="module", params=SERVERS)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running server of either kind."""
    with SERVERS[request.param](tmp_path_factory.mktemp("chroma")) as running:
        yield running


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[ChromaStore]:
    """A store without a collection."""
    async with open_chroma("127.0.0.1", port, EventBus()) as store:
        yield store


@asynccontextmanager
async def collection(port: int, space: EmbeddingSpace = SIMULATED) -> AsyncIterator[ChromaStore]:
    """A store turned to a new collection of its own."""
    async with connected(port) as store:
        await store.create(f"kb-{secrets.token_hex(8)}", space, {"schema": 1})
        yield store


def chunk(number: int, *, source: str = "a.md", **metadata: MetadataValue) -> Chunk:
    """A chunk of a document."""
    fields: dict[str, MetadataValue] = {"source": source, "chunk_index": number, **metadata}
    return Chunk(f"{source}:{number}", source, f"text {number}", fields)


def vectors_of(numbers: Sequence[int]) -> Vectors:
    """A unit vector for each number, the same one every time: shape (n, DIMENSIONS)."""
    rows = [np.random.default_rng(number).normal(size=DIMENSIONS) for number in numbers]
    return np.array([row / np.linalg.norm(row) for row in rows], np.float32)


async def write(store: ChromaStore, *chunks: Chunk) -> None:
    """Write chunks with the vectors of their indexes."""
    vectors = vectors_of([int(each.metadata["chunk_index"]) for each in chunks])
    await store.upsert(await store.pack(chunks, vectors))


async def test_a_collection_is_made_found_and_dropped(port: int) -> None:
    """With its metadata and an id that tells it from its successors."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(port) as store:
        assert await store.open(name) is None
        made = await store.create(name, SIMULATED, {"model": "m", "dimensions": 8, "part": 0.5})
        assert made.metadata == {"model": "m", "dimensions": 8, "part": 0.5}
        assert made.count == 0
        assert await store.open(name) == made
        await write(store, chunk(1))
        assert await store.count() == 1
        await store.drop(name)
        await store.drop(name)
        assert await store.open(name) is None
        anew = await store.create(name, SIMULATED, {"schema": 1})
        assert anew.id != made.id
        assert anew.count == 0


async def test_making_it_twice_makes_one(port: int) -> None:
    """As it happens when the first answer is lost."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(port) as store:
        first = await store.create(name, SIMULATED, {"schema": 1})
        assert await store.create(name, SIMULATED, {"schema": 1}) == first


async def test_what_is_open_is_found_by_another_connection(port: int) -> None:
    """With what was written, after the first one has ended."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(port) as store:
        made = await store.create(name, GEMINI, {"schema": 1})
        await write(store, chunk(1), chunk(2))
    async with connected(port) as store:
        found = await store.open(name)
        assert found is not None
        assert (found.id, found.count) == (made.id, 2)
        await write(store, chunk(3))
        assert sorted(await store.ids_of("a.md")) == ["a.md:1", "a.md:2", "a.md:3"]


async def test_the_collections_metadata_is_replaced(port: int) -> None:
    """Keys that are not given again are gone; the collection stays the same."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(port) as store:
        made = await store.create(name, SIMULATED, {"generation": 1, "old": "x"})
        await store.set_metadata({"generation": 2})
        await store.set_metadata({"generation": 3, "new": "y"})
        found = await store.open(name)
        assert found is not None
        assert found.metadata == {"generation": 3, "new": "y"}
        assert found.id == made.id


async def test_chunks_come_back_as_they_were_written(port: int) -> None:
    """Every type of metadata, and every sign of the world."""
    signs = "船 Überseehafen \U0001f6a2 \u202e \u0301 \x01 \n ' \" % _ \\"
    fields: dict[str, MetadataValue] = {
        "source": f"{signs}.md", "chunk_index": 7, "title": signs, "share": 0.1,
        "large": 2**53, "negative": -1, "yes": True, "no": False, "empty": "",
    }  # fmt: skip
    written = Chunk(f"{signs}:0123", f"{signs}.md", signs, fields)
    async with collection(port) as store:
        await write(store, written)
        assert await store.metadata_of([written.id, "missing"]) == {written.id: fields}
        assert await store.ids_of(f"{signs}.md") == [written.id]
        (found,) = await store.nearest(vectors_of([7])[0], 5)
        assert (found.id, found.text, found.metadata) == (written.id, signs, fields)
    assert type((found.metadata)["yes"]) is bool
    assert type((found.metadata)["chunk_index"]) is int


async def test_writing_twice_does_no_harm(port: int) -> None:
    """Neither with the same chunks nor with some of them."""
    async with collection(port) as store:
        await write(store, chunk(1), chunk(2))
        await write(store, chunk(2), chunk(3))
        await write(store, chunk(1), chunk(2), chunk(3))
        assert await store.count() == 3
        found = await store.nearest(vectors_of([2])[0], 3)
    assert found[0].id == "a.md:2"
    assert found[0].distance == pytest.approx(0, abs=1e-5)
    assert sorted(each.id for each in found) == ["a.md:1", "a.md:2", "a.md:3"]


async def test_metadata_changes_without_the_vector(port: int) -> None:
    """What is not named stays, and None removes a key."""
    async with collection(port) as store:
        await write(store, chunk(1, title="old", gone="x"), chunk(2, title="other"))
        await store.update_metadata({"a.md:1": {"title": "new", "gone": None, "added": 1}})
        found = await store.metadata_of(["a.md:1", "a.md:2"])
        (nearest,) = await store.nearest(vectors_of([1])[0], 1)
    assert found["a.md:1"] == {"source": "a.md", "chunk_index": 1, "title": "new", "added": 1}
    assert found["a.md:2"] == chunk(2, title="other").metadata
    assert (nearest.id, nearest.text) == ("a.md:1", "text 1")


async def test_chunks_are_deleted_by_id(port: int) -> None:
    """Those that do not exist do no harm, and nothing is deleted by naming nothing."""
    async with collection(port) as store:
        await write(store, chunk(1), chunk(2), chunk(1, source="b.md"))
        await store.delete(["a.md:1", "missing"])
        await store.delete(["missing"])
        await store.delete([])
        await store.update_metadata({})
        assert await store.ids_of("a.md") == ["a.md:2"]
        assert await store.ids_of("b.md") == ["b.md:1"]
        assert await store.ids_of("c.md") == []
        assert await store.count() == 2


async def test_naming_no_chunk_finds_none(port: int) -> None:
    """Rather than all, or an error."""
    async with collection(port) as store:
        await write(store, chunk(1))
        assert await store.metadata_of([]) == {}


async def test_more_than_a_page_of_chunks(port: int) -> None:
    """Found, changed and deleted in full, where one request could not hold them."""
    total = PAGE + 10
    numbers = list(range(total))
    async with collection(port) as store:
        for start in range(0, total, 2_505):
            await write(store, *(chunk(number) for number in numbers[start : start + 2_505]))
        ids = await store.ids_of("a.md")
        assert sorted(ids) == sorted(f"a.md:{number}" for number in numbers)
        await store.update_metadata({each: {"title": "new"} for each in ids})
        titled = await store.metadata_of(ids[-PAGE:])
        assert {fields["title"] for fields in titled.values()} == {"new"}
        stored = [each async for page in store.stored_chunks() for each in page]
        assert sorted(each.id for each in stored) == sorted(ids)
        await store.delete(ids[1:])
        assert await store.ids_of("a.md") == ids[:1]


async def test_the_nearest_are_the_nearest(port: int) -> None:
    """By cosine distance, in its order, with the vectors as they were written."""
    numbers = list(range(200))
    vectors = vectors_of(numbers)
    async with collection(port) as store:
        await write(store, *(chunk(number) for number in numbers))
        found = await store.nearest(vectors[17], 5)
        stored = await store.vectors(["a.md:17", "a.md:3"])
        await store.examine()
    distances = 1 - vectors @ vectors[17]
    expected = [f"a.md:{number}" for number in np.argsort(distances)[:5]]
    assert [each.id for each in found] == expected
    assert [each.distance for each in found] == pytest.approx(np.sort(distances)[:5], abs=1e-5)
    assert np.array_equal(stored["a.md:17"], vectors[17])


async def test_many_operations_at_once(port: int) -> None:
    """Reading goes on while the one writer writes."""
    async with collection(port) as store:
        await write(store, chunk(0))

        async def read(number: int) -> None:
            for _ in range(5):
                assert "a.md:0" in await store.metadata_of(["a.md:0", f"a.md:{number}"])

        async with anyio.create_task_group() as group:
            for number in range(1, 9):
                group.start_soon(read, number)
            for start in range(1, 201, 50):
                await write(store, *(chunk(number) for number in range(start, start + 50)))
        assert await store.count() == 201


async def configuration_of(port: int, name: str) -> dict[str, object]:
    """What the server itself holds of a collection's configuration."""
    path = f"/api/v2/tenants/default_tenant/databases/default_database/collections/{name}"
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        configuration: dict[str, object] = (await client.get(path)).json()["configuration_json"]
    return configuration


@pytest.mark.parametrize("space", [GEMINI, SIMULATED], ids=["gemini", "simulator"])
async def test_other_clients_learn_how_questions_are_embedded(
    port: int, space: EmbeddingSpace
) -> None:
    """By Gemini as questions, whatever we embed; and not at all for simulated vectors."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(port) as store:
        await store.create(name, space, {"schema": 1})
    configuration = await configuration_of(port, name)
    function = configuration["embedding_function"]
    assert isinstance(function, dict)
    if space is GEMINI:
        assert function["name"] == "google_gemini"
        assert function["config"]["task_type"] == "RETRIEVAL_QUERY"
        assert function["config"]["model_name"] == "gemini-embedding-001"
        assert function["config"]["dimension"] == DIMENSIONS
        assert function["config"]["api_key_env_var"] == "GOOGLE_API_KEY"
    else:
        assert "google" not in str(function)
    hnsw = configuration["hnsw"]
    assert isinstance(hnsw, dict)
    assert (hnsw["space"], hnsw["ef_search"], hnsw["sync_threshold"]) == ("cosine", 200, 1_000)


ASK_IN_WORDS = """
import sys, chromadb
client = chromadb.HttpClient(host="127.0.0.1", port=int(sys.argv[1]))
function = client.get_collection(sys.argv[2]).configuration["embedding_function"]
print(type(function).__name__, function.task_type, function.model_name, function.dimension)
"""


async def test_a_client_that_knows_nothing_of_us_asks_in_words(port: int) -> None:
    """Chroma's own function is built from what we wrote down; only its key is the client's."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(port) as store:
        await store.create(name, GEMINI, {"schema": 1})
    command = [sys.executable, "-c", ASK_IN_WORDS, str(port), name]
    asked = await anyio.run_process(command, env={**os.environ, "GOOGLE_API_KEY": "any"})
    assert asked.stdout.decode().split() == [
        "GoogleGeminiEmbeddingFunction",
        "RETRIEVAL_QUERY",
        "gemini-embedding-001",
        str(DIMENSIONS),
    ]


async def test_a_server_that_is_not_there_is_told_at_once() -> None:
    """With the settings to look at."""
    with anyio.fail_after(5):
        with pytest.raises(StoreUnavailableError, match="no Chroma server answers") as caught:
            async with connected(free_port()):
                pass
    assert "CHROMA_HOST" in caught.value.hint


async def test_whatever_a_document_names_its_fields_can_be_stored(port: int) -> None:
    """One name that Chroma refuses would cost the whole write."""
    names = [chr(code) for code in range(0x20, 0x7F)] + ["$id", "#k", "chroma:document", "\0", "é"]
    fields = FieldCollector()
    for name in names[:60]:
        fields.add(f"{name}x", "value")
    more = FieldCollector()
    for name in names[60:]:
        more.add(f"{name}x", "value")
    stored = fields.metadata | more.metadata
    assert len(stored) == len(names)
    async with collection(port) as store:
        await write(store, replace(chunk(1), metadata={**chunk(1).metadata, **stored}))
        found = await store.metadata_of(["a.md:1"])
        assert found["a.md:1"].items() >= stored.items()


@pytest.mark.parametrize(
    ("status", "told"),
    [(200, "(another server does)"), (404, "(HTTP 404)"), (401, "refuses access (HTTP 401")],
)
async def test_another_server_is_not_taken_for_chroma(status: int, told: str) -> None:
    """It is told at once, with what to look at."""
    with page_server(status) as port, pytest.raises(StoreUnavailableError) as caught:
        async with connected(port):
            pass
    assert told in caught.value.message
    assert caught.value.hint


async def test_what_is_too_much_for_one_call_is_written_by_several(port: int) -> None:
    """More bytes than the server takes at once, in rows and then in their metadata."""
    size, rows = 500_000, 100
    assert size * rows > 40 * 1024 * 1024
    large = [chunk(number, note="a" * size) for number in range(rows)]
    async with collection(port) as store:
        await write(store, *large)
        assert await store.count() == rows
        await store.update_metadata({each.id: {"note": "b" * size} for each in large})
        found = await store.metadata_of([large[0].id, large[-1].id])
        assert [str(each["note"])[-1] for each in found.values()] == ["b", "b"]
