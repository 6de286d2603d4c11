"""A server that goes away between two calls of which chromadb's client makes one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from tests.support.chroma_servers import chroma_command
from waypoint.events import Event, EventBus, StoreRetried
from waypoint.models import EmbeddingSpace
from waypoint.storage.chroma import open_chroma
from waypoint.storage.chroma_child import HOST

SPACE = EmbeddingSpace("simulator", "gemini-embedding-001", 8, "RETRIEVAL_DOCUMENT")

QUESTIONS = [
    b"GET /api/v2/auth/identity ",
    b"GET /api/v2/tenants/default_tenant ",
    b"GET /api/v2/tenants/default_tenant/databases/default_database",
    b"POST /api/v2/tenants/default_tenant/databases/default_database/collections ",
]


@asynccontextmanager
async def relay(port: int, fatal: bytes) -> AsyncIterator[int]:
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
                    if data.startswith(fatal) and not hung_up:
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


@pytest.mark.parametrize("fatal", QUESTIONS, ids=lambda question: question.split()[1].decode())
async def test_a_hang_up_while_the_client_is_built_is_tried_again(
    tmp_path: Path, fatal: bytes
) -> None:
    """chromadb disguises some of them as a ValueError; they are like any other."""
    events: list[Event] = []
    bus = EventBus()
    bus.subscribe(events.append)
    with chroma_command(tmp_path) as port:
        async with relay(port, fatal) as middle, open_chroma(HOST, middle, bus) as store:
            made = await store.create("hung-up-on", SPACE, {"schema": 1})
    assert made.count == 0
    assert [type(event) for event in events] == [StoreRetried]
