"""Servers that mean harm: both clients end in an error of ours, soon, and in little memory."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import numpy as np
import pytest

from tests.support.hostile_server import HOSTILE, HostileAnswer, bomb, hostile_server
from tests.support.memory import needs_peak, peak_below
from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.port import CallError
from waypoint.embedding.providers.gemini import GeminiEmbedder, open_client
from waypoint.embedding.providers.model_card import model_card
from waypoint.embedding.providers.refusals import Called
from waypoint.errors import StoreUnavailableError, WaypointError
from waypoint.models import EmbeddingSpace
from waypoint.observe.events import EventBus
from waypoint.settings import ChromaAddress
from waypoint.storage.chroma.store import ChromaStore, open_chroma

pytestmark = needs_peak

MODEL = "gemini-embedding-001"
SPACE = EmbeddingSpace("gemini", MODEL, 768, DOCUMENT_TASK)
ID = "7f6c0f5e-0000-4000-8000-000000000000"
MOST_MEMORY = 80 * 2**20
"""Bytes that all of a test's answers may take; the largest that is allowed has 20 MB."""
SOON = 10.0


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """Each answer is dealt with in little time and memory."""
    assert bomb()
    began = time.monotonic()
    with peak_below(MOST_MEMORY):
        yield
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("harm", HOSTILE)
async def test_a_hostile_service(harm: str) -> None:
    """A call, and the question for its model."""
    with hostile_server(lambda *_asked: HOSTILE[harm]()) as port:
        url = f"http://127.0.0.1:{port}"
        async with open_client("key", url) as client:
            with pytest.raises((CallError, WaypointError)) as caught:
                await GeminiEmbedder(client, SPACE, 5).embed(["a text"])
            assert len(str(caught.value)) < 1000
        with pytest.raises((CallError, WaypointError)):
            await model_card(url, "key", Called(MODEL), deadline=5)


CALLS: dict[str, Callable[[ChromaStore], Awaitable[object]]] = {
    "count": lambda store: store.count(),
    "get": lambda store: store.metadata_of(["a"]),
    "ids": lambda store: store.ids_of("a"),
    "names": lambda store: store.names(),
    "records": lambda store: store.records(["a"], vectors=True),
    "vectors": lambda store: store.vectors(["a"]),
    "query": lambda store: store.nearest(np.ones((1, 3), np.float32), 1),
    "delete": lambda store: store.delete(["a"]),
    "put": lambda store: store.set_metadata({}),
    "open": lambda store: store.open("other"),
    "create": lambda store: store.create("other", SPACE, {}),
    "examine": lambda store: store.examine(),
}
# What is answered with status 200 and is no JSON does no harm where nothing is read of it.
_UNREAD = ("delete", "put")


def chroma_with(harm: str) -> Callable[[str, str, bytes], HostileAnswer]:
    """A Chroma that is one from each heartbeat until a collection is open."""
    opened = {
        "/known": {"id": ID, "name": "known", "metadata": None},
        f"/{ID}/count": 3,
    }
    left = dict(opened)

    def answer(_method: str, path: str, _asked: bytes) -> HostileAnswer:
        if path.endswith("/heartbeat"):
            left.update(opened)
            return HostileAnswer([b'{"nanosecond heartbeat": 1}'])
        for end in left:
            if path.endswith(end):
                return HostileAnswer([json.dumps(left.pop(end)).encode()])
        return HOSTILE[harm]()

    return answer


@pytest.mark.parametrize("harm", HOSTILE)
async def test_a_hostile_chroma(harm: str) -> None:
    """Whatever is asked of it."""
    with hostile_server(chroma_with(harm)) as port:
        for action, call in CALLS.items():
            async with open_chroma(
                ChromaAddress("127.0.0.1", port), EventBus(), give_up_after=0
            ) as store:
                assert await store.open("known") is not None
                await _fails(call(store), action, harm)


async def _fails(operation: Awaitable[object], action: str, harm: str) -> None:
    if action in _UNREAD and HOSTILE[harm]().status == 200:
        try:
            await operation
        except WaypointError:
            return
    else:
        with pytest.raises(WaypointError) as caught:
            await operation
        assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("invents", [True, False])
async def test_pages_without_an_end(invents: bool) -> None:
    """A server that gives a full page whatever the offset: one and the same, or records that it
    invents; it says that it has three."""

    def answer(_method: str, path: str, asked: bytes) -> HostileAnswer:
        if path.endswith("/get"):
            question = json.loads(asked)
            first = question["offset"] if invents else 0
            ids = [f"id-{first + number}" for number in range(question["limit"])]
            page: dict[str, object] = {"ids": ids}
            for column in question["include"]:
                page[column] = [None] * len(ids)
            return HostileAnswer([json.dumps(page).encode()])
        if path.endswith("/count"):
            return HostileAnswer([b"3"])
        if path.endswith("/heartbeat"):
            return HostileAnswer([b'{"nanosecond heartbeat": 1}'])
        return HostileAnswer([json.dumps({"id": ID, "name": "known", "metadata": None}).encode()])

    async def read_all(pages: AsyncIterator[object]) -> None:
        async for _ in pages:
            pass

    with hostile_server(answer) as port:
        async with open_chroma(
            ChromaAddress("127.0.0.1", port), EventBus(), give_up_after=0
        ) as store:
            assert await store.open("known") is not None
            with pytest.raises(StoreUnavailableError, match="a collection that has 3"):
                await store.ids_of("a")
            with pytest.raises(StoreUnavailableError, match="a collection that has 3"):
                await read_all(store.stored_chunks())
            with pytest.raises(StoreUnavailableError, match="a collection that has 3"):
                await read_all(store.ids())


@pytest.mark.parametrize("harm", HOSTILE)
async def test_a_heartbeat_of_something_else(harm: str) -> None:
    """Found out before anything is asked."""
    with (
        hostile_server(lambda *_asked: HOSTILE[harm]()) as port,
        pytest.raises(WaypointError),
    ):
        async with open_chroma(ChromaAddress("127.0.0.1", port), EventBus()):
            pass
