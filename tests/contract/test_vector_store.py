"""The contract of every vector store: Chroma, private and as a server, and one in memory."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import anyio
import numpy as np
import pytest

from tests.support.chroma_servers import chroma_command, private_server
from tests.support.memory_store import MemoryCollections
from tests.support.vector_stores import (
    GEMINI,
    SIMULATED,
    Server,
    chunk,
    collection,
    connected,
    vectors_of,
    write,
)
from waypoint.models import Chunk, MetadataValue
from waypoint.storage.chroma.limits import OF_A_SERVER

SERVERS = {"private server": private_server, "chroma run": chroma_command}


@pytest.fixture(scope="module", params=[*SERVERS, "in memory"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One of each kind."""
    if request.param not in SERVERS:
        yield MemoryCollections()
        return
    with SERVERS[request.param](tmp_path_factory.mktemp("chroma")) as running:
        yield running


async def test_a_collection_is_made_found_and_dropped(server: Server) -> None:
    """With its metadata and an id that tells it from its successors."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(server) as store:
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


async def test_making_it_twice_makes_one(server: Server) -> None:
    """As it happens when the first answer is lost."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(server) as store:
        first = await store.create(name, SIMULATED, {"schema": 1})
        assert await store.create(name, SIMULATED, {"schema": 1}) == first


async def test_what_is_open_is_found_by_another_connection(server: Server) -> None:
    """With what was written, after the first one has ended."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(server) as store:
        made = await store.create(name, GEMINI, {"schema": 1})
        await write(store, chunk(1), chunk(2))
    async with connected(server) as store:
        found = await store.open(name)
        assert found is not None
        assert (found.id, found.count) == (made.id, 2)
        await write(store, chunk(3))
        assert sorted(await store.ids_of("a.md")) == ["a.md:1", "a.md:2", "a.md:3"]


async def test_the_collections_metadata_is_replaced(server: Server) -> None:
    """Keys that are not given again are gone; the collection stays the same."""
    name = f"kb-{secrets.token_hex(8)}"
    async with connected(server) as store:
        made = await store.create(name, SIMULATED, {"generation": 1, "old": "x"})
        await store.set_metadata({"generation": 2})
        await store.set_metadata({"generation": 3, "new": "y"})
        found = await store.open(name)
        assert found is not None
        assert found.metadata == {"generation": 3, "new": "y"}
        assert found.id == made.id


async def test_chunks_come_back_as_they_were_written(server: Server) -> None:
    """Every type of metadata, and every sign of the world."""
    signs = "船 Überseehafen \U0001f6a2 \u202e \u0301 \x01 \n ' \" % _ \\"
    fields: dict[str, MetadataValue] = {
        "source": f"{signs}.md", "chunk_index": 7, "title": signs, "share": 0.1,
        "large": 2**53, "negative": -1, "yes": True, "no": False, "empty": "",
    }  # fmt: skip
    written = Chunk(f"{signs}:0123", f"{signs}.md", signs, fields)
    async with collection(server) as store:
        await write(store, written)
        assert await store.metadata_of([written.id, "missing"]) == {written.id: fields}
        assert await store.ids_of(f"{signs}.md") == [written.id]
        ((found,),) = await store.nearest(vectors_of([7]), 5)
        assert (found.id, found.text, found.metadata) == (written.id, signs, fields)
    assert type((found.metadata)["yes"]) is bool
    assert type((found.metadata)["chunk_index"]) is int


async def test_writing_twice_does_no_harm(server: Server) -> None:
    """Neither with the same chunks nor with some of them."""
    async with collection(server) as store:
        await write(store, chunk(1), chunk(2))
        await write(store, chunk(2), chunk(3))
        await write(store, chunk(1), chunk(2), chunk(3))
        assert await store.count() == 3
        (found,) = await store.nearest(vectors_of([2]), 3)
    assert found[0].id == "a.md:2"
    assert found[0].distance == pytest.approx(0, abs=1e-5)
    assert sorted(each.id for each in found) == ["a.md:1", "a.md:2", "a.md:3"]


async def test_metadata_changes_without_the_vector(server: Server) -> None:
    """What is not named stays, and None removes a key."""
    async with collection(server) as store:
        await write(store, chunk(1, title="old", gone="x"), chunk(2, title="other"))
        await store.update_metadata({"a.md:1": {"title": "new", "gone": None, "added": 1}})
        found = await store.metadata_of(["a.md:1", "a.md:2"])
        ((nearest,),) = await store.nearest(vectors_of([1]), 1)
    assert found["a.md:1"] == {"source": "a.md", "chunk_index": 1, "title": "new", "added": 1}
    assert found["a.md:2"] == chunk(2, title="other").metadata
    assert (nearest.id, nearest.text) == ("a.md:1", "text 1")


async def test_chunks_are_deleted_by_id(server: Server) -> None:
    """Those that do not exist do no harm, and nothing is deleted by naming nothing."""
    async with collection(server) as store:
        await write(store, chunk(1), chunk(2), chunk(1, source="b.md"))
        await store.delete(["a.md:1", "missing"])
        await store.delete(["missing"])
        await store.delete([])
        await store.update_metadata({})
        assert await store.ids_of("a.md") == ["a.md:2"]
        assert await store.ids_of("b.md") == ["b.md:1"]
        assert await store.ids_of("c.md") == []
        assert await store.count() == 2


async def test_naming_no_chunk_finds_none(server: Server) -> None:
    """Rather than all, or an error."""
    async with collection(server) as store:
        await write(store, chunk(1))
        assert await store.metadata_of([]) == {}


async def test_more_than_a_page_of_chunks(server: Server) -> None:
    """Found, changed and deleted in full, where one request could not hold them."""
    total = OF_A_SERVER.page + 10
    numbers = list(range(total))
    async with collection(server) as store:
        for start in range(0, total, 2_505):
            await write(store, *(chunk(number) for number in numbers[start : start + 2_505]))
        ids = await store.ids_of("a.md")
        assert sorted(ids) == sorted(f"a.md:{number}" for number in numbers)
        await store.update_metadata({each: {"title": "new"} for each in ids})
        titled = await store.metadata_of(ids[-OF_A_SERVER.page :])
        assert {fields["title"] for fields in titled.values()} == {"new"}
        stored = [each async for page in store.stored_chunks() for each in page]
        assert sorted(each.id for each in stored) == sorted(ids)
        await store.delete(ids[1:])
        assert await store.ids_of("a.md") == ids[:1]


async def test_the_nearest_are_the_nearest(server: Server) -> None:
    """By cosine distance, in its order, with the vectors as they were written."""
    numbers = list(range(200))
    vectors = vectors_of(numbers)
    async with collection(server) as store:
        await write(store, *(chunk(number) for number in numbers))
        (found,) = await store.nearest(vectors[17:18], 5)
        stored = dict(zip(*await store.vectors(["a.md:17", "a.md:3"]), strict=True))
        await store.examine()
    distances = 1 - vectors @ vectors[17]
    expected = [f"a.md:{number}" for number in np.argsort(distances)[:5]]
    assert [each.id for each in found] == expected
    assert [each.distance for each in found] == pytest.approx(np.sort(distances)[:5], abs=1e-5)
    assert np.array_equal(stored["a.md:17"], vectors[17])


async def test_many_operations_at_once(server: Server) -> None:
    """Reading goes on while the one writer writes."""
    async with collection(server) as store:
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
