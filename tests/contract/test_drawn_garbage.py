"""Whatever comes from outside: what is expected, or an error of ours, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from unittest import mock

import anyio
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.hostile_server import HostileAnswer, hostile_server
from waypoint.bounded_http import (
    AnswerBody,
    BoundedTransport,
    UnusableAnswerError,
    open_http_client,
)
from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.port import Answer, CallError
from waypoint.embedding.providers.gemini import GeminiEmbedder, open_client
from waypoint.embedding.providers.gemini_answers import read_answer as read_gemini
from waypoint.embedding.providers.model_card import model_card
from waypoint.embedding.providers.refusals import Called
from waypoint.errors import ConfigurationError, WaypointError
from waypoint.models import EmbeddingSpace
from waypoint.observe.events import EventBus
from waypoint.settings import ChromaAddress, load_settings
from waypoint.settings.model import Settings
from waypoint.storage.chroma.decode import Count, Described, Found, Page
from waypoint.storage.chroma.decode import read_answer as read_chroma
from waypoint.storage.chroma.store import open_chroma

MODEL = "gemini-embedding-001"
ID = "7f6c0f5e-0000-4000-8000-000000000000"

_ODD: list[object] = [None, True, -1, 0, 2**63, 10**30, 1e308, 0.5, "", "x", "-5", "\ud800"]
_ODD += ["\x1b[31m", [], {}, [[]], [None], {"": None}, "infs", "9" * 5000, [0.6, 0.8]]
ODD = st.sampled_from(_ODD)
VALUES = st.recursive(
    ODD | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
RAW = st.sampled_from(
    [b"", b"null", b"NaN", b"[" * 3000, b'{"ids":', b"\xff\xfe", b"<html>", b"1e999"]
)

DETAILS = [
    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"},
    {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "EmbedContentRequestsPerMinute", "quotaValue": "3"}],
    },
    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"},
]
VECTORS = {
    "embeddings": [{"values": [0.6, 0.8]}],
    "usageMetadata": {"promptTokenCount": 3},
}
ERROR = {"error": {"code": 429, "message": "m", "status": "S", "details": DETAILS}}
PAGE = {
    "ids": ["a"],
    "metadatas": [{"source": "s", "n": 1, "f": 0.5, "b": True}],
    "documents": ["d"],
    "embeddings": [[0.6, 0.8]],
}
FOUND = {"ids": [["a"]], "metadatas": [[{}]], "documents": [["d"]], "distances": [[0.5]]}
COLLECTION = {"id": ID, "name": "n", "metadata": {"waypoint_generation": 1}}


@st.composite
def near(draw: st.DrawFn, template: Any) -> Any:
    """The template, with some of its parts another value, left out, or given twice."""
    if draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if isinstance(template, dict):
        kept = {
            name: draw(near(value)) for name, value in template.items() if draw(st.integers(0, 15))
        }
        return kept | draw(st.dictionaries(st.sampled_from(["x", "error"]), VALUES, max_size=1))
    if isinstance(template, list):
        return [draw(near(each)) for each in template] * draw(st.sampled_from([1, 1, 1, 0, 2]))
    return template


def bodies(*templates: object) -> st.SearchStrategy[bytes]:
    """As JSON, now and then damaged, or nothing like it."""
    whole = st.one_of(*(near(each) for each in templates)).map(json.dumps)
    encoded = whole.map(lambda text: text.encode("utf-8", "surrogatepass"))
    cut = st.tuples(encoded, st.integers(0, 200)).map(lambda drawn: drawn[0][: drawn[1]])
    return encoded | encoded | cut | RAW | st.binary(max_size=20)


@given(body=bodies(VECTORS), simdjson=st.booleans())
def test_an_answer_of_the_service(body: bytes, simdjson: bool) -> None:
    """Vectors of unit length and a count that can be one, or a failed call."""
    try:
        answer = read_gemini(AnswerBody(body, ""), ["a text"], dimensions=2, simdjson=simdjson)
    except CallError:
        return
    assert isinstance(answer, Answer)
    assert np.linalg.norm(answer.vectors) == pytest.approx(1, abs=1e-5)
    assert answer.tokens is None or 1 <= answer.tokens <= 22


@given(body=bodies(PAGE, FOUND, COLLECTION, 3))
@example(b'{"ids":[["a"]],"distances":[[null]]}')
def test_an_answer_of_chroma(body: bytes) -> None:
    """Of one of its forms, all of which can be read to the end, or not usable."""
    for form in (Page, Found, Described, Count):
        try:
            answer: object = read_chroma(body, form)
        except UnusableAnswerError:
            continue
        if isinstance(answer, Page):
            assert len(answer.fields()) == len(answer.texts()) == len(answer.matrix())
        elif isinstance(answer, Found):
            assert len(answer.neighbours()) == len(answer.ids)


class _Drawn:
    """What a server answers, changed from example to example."""

    answer = HostileAnswer()


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    def answer(_method: str, path: str, _asked: bytes) -> HostileAnswer:
        if path.endswith("/heartbeat"):
            return HostileAnswer([b'{"nanosecond heartbeat": 1}'])
        return _Drawn.answer

    with hostile_server(answer) as port:
        yield port


STATUSES = st.sampled_from([200, 200, 201, 204, 301, 400, 401, 404, 409, 429, 429, 500, 503, 599])
ENCODINGS = st.sampled_from([None, None, None, "gzip", "br", "identity", "", "gzip, gzip"])


@settings(max_examples=settings().max_examples // 3)
@given(status=STATUSES, body=bodies(VECTORS, ERROR, [ERROR], PAGE, COLLECTION), encoding=ENCODINGS)
def test_servers_that_say_anything(
    server: int, status: int, body: bytes, encoding: str | None
) -> None:
    """Through the real SDK, and to both of Chroma's clients."""
    headers = {} if encoding is None else {"content-encoding": encoding}
    if status == 204:
        body = b""
    _Drawn.answer = HostileAnswer([body], status, headers | {"content-length": str(len(body))})
    anyio.run(partial(_ask_all, server))


async def _ask_all(port: int) -> None:
    space = EmbeddingSpace("gemini", MODEL, 2, DOCUMENT_TASK)
    async with open_client("key", f"http://127.0.0.1:{port}") as client:
        with suppress(CallError, WaypointError):
            await GeminiEmbedder(client, space, 5).embed(["a text"])
        with suppress(CallError, WaypointError):
            await model_card(f"http://127.0.0.1:{port}", "key", Called(MODEL), deadline=5)
    async with open_chroma(
        ChromaAddress("127.0.0.1", port), EventBus(), give_up_after=1e-9
    ) as store:
        with suppress(CallError, WaypointError):
            await store.names()
        with suppress(CallError, WaypointError):
            if await store.open("a"):
                await store.records(["a"], vectors=True)
                await store.nearest(np.ones((1, 2), np.float32), 1)


PROXIES = st.text(max_size=20) | st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "socks5://", "", "//", "http:", "ht tp://"]),
    st.sampled_from(["", "me:secret@", "@", "a b@"]),
    st.sampled_from(["host", "[::1]", "[", "", "ü" * 70, "%zz", "-", "a..b", "*"]),
    st.sampled_from(["", ":80", ":99999", ":-1", ":x", ":0", "/p?q#f"]),
)
PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@given(values=st.dictionaries(st.sampled_from(PROXY_NAMES), PROXIES, max_size=3))
def test_proxies_of_the_environment(values: dict[str, str]) -> None:
    """A client over them, or the variable that is wrong."""
    values = {name: value for name, value in values.items() if "\0" not in value}
    with mock.patch.dict(os.environ, values, clear=True), suppress(ConfigurationError):
        open_http_client(BoundedTransport, encrypted=False)


ODD_SETTINGS = st.text(max_size=12) | st.sampled_from(
    ["nan", "inf", "-inf", "1e999", "-1", "0", "9" * 5000, "1e-320", "[", "http://[", "\x1b[31m"]
)


@given(
    values=st.dictionaries(
        st.sampled_from(sorted(name.upper() for name in Settings.model_fields)),
        ODD_SETTINGS,
        max_size=4,
    )
)
def test_variables_of_the_environment(values: dict[str, str]) -> None:
    """Settings, or what is wrong with them."""
    values = {name: value for name, value in values.items() if "\0" not in value}
    with mock.patch("os.environ", values), suppress(ConfigurationError):
        load_settings()
