"""What of the Chroma adapter no other store has: its server, its configuration, its limits."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace

import anyio
import httpx2
import pytest

from tests.support.chroma_servers import free_port, private_server
from tests.support.page_server import page_server
from tests.support.vector_stores import (
    DIMENSIONS,
    GEMINI,
    SIMULATED,
    chunk,
    collection,
    connected,
    write,
)
from waypoint.errors import StoreUnavailableError
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.models import EmbeddingSpace


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running private server."""
    with private_server(tmp_path_factory.mktemp("chroma")) as running:
        yield running


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
