"""A server that hangs up on a request, as one does that is killed and started again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import numpy as np
import pytest
from anyio.abc import SocketAttribute, SocketStream

from tests.support.chroma_servers import chroma_command
from waypoint.models import Chunk, EmbeddingSpace
from waypoint.observe.events import Event, EventBus, StoreRecovered, StoreRetried
from waypoint.settings import ChromaAddress
from waypoint.storage.chroma.child import HOST
from waypoint.storage.chroma.store import open_chroma

SPACE = EmbeddingSpace("simulator", "gemini-embedding-001", 8, "RETRIEVAL_DOCUMENT")

QUESTIONS = ["collections", "count", "upsert", "get", "delete"]
"""What the path of a request ends in."""


@asynccontextmanager
async def relay(port: int, fatal: str) -> AsyncIterator[int]:
    """A port that leads to the server's, but hangs up the first time it is asked for that."""
    hung_up = False

    async def serve(client: SocketStream) -> None:
        nonlocal hung_up
        async with client, await anyio.connect_tcp(HOST, port) as server:

            async def answer() -> None:
                async for data in server:
                    await client.send(data)

            async with anyio.create_task_group() as group:
                group.start_soon(answer)
                async for data in client:
                    asked = data.split(b"\r\n", 1)[0].split(b" ")
                    if asked[1:2] and asked[1].endswith(f"/{fatal}".encode()) and not hung_up:
                        hung_up = True
                        break
                    await server.send(data)
                group.cancel_scope.cancel()

    async with (
        await anyio.create_tcp_listener(local_host=HOST) as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        yield int(listener.extra(SocketAttribute.local_port))
        group.cancel_scope.cancel()


@pytest.mark.parametrize("fatal", QUESTIONS)
async def test_a_request_that_is_hung_up_on_is_made_again(tmp_path: Path, fatal: str) -> None:
    """Once, and with what it was to do done."""
    events: list[Event] = []
    bus = EventBus()
    bus.subscribe(events.append)
    chunks = [Chunk(name, "a.md", name, {"source": "a.md"}) for name in ("one", "two")]
    vectors = np.eye(2, 8, dtype=np.float32)
    with chroma_command(tmp_path) as port:
        async with (
            relay(port, fatal) as middle,
            open_chroma(ChromaAddress(HOST, middle), bus) as store,
        ):
            made = await store.create("hung-up-on", SPACE, {"schema": 1})
            await store.upsert(await store.pack(chunks, vectors))
            await store.delete(["two"])
            found = await store.metadata_of(["one", "two"])
    assert made.count == 0
    assert found == {"one": {"source": "a.md"}}
    assert [type(event) for event in events] == [StoreRetried, StoreRecovered]
