"""What the simulator counts, to the text, and how it is changed while it runs."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from waypoint.simulator import Fault, Simulator, SimulatorSettings
from waypoint.simulator.quota import MINUTE_NS, SECOND_NS

PATH = "/v1beta/models/gemini-embedding-001:batchEmbedContents"
HEADERS = {"x-goog-api-key": "any"}


def batch_of(*texts: str, dimensions: int = 128) -> dict[str, Any]:
    """The body of a call."""
    return {
        "requests": [
            {
                "model": "models/gemini-embedding-001",
                "content": {"parts": [{"text": text}], "role": "user"},
                "outputDimensionality": dimensions,
            }
            for text in texts
        ]
    }


@asynccontextmanager
async def http(simulator: Simulator) -> AsyncIterator[httpx2.AsyncClient]:
    """A plain client with a key."""
    async with httpx2.AsyncClient(
        base_url=simulator.base_url, headers=HEADERS, timeout=10
    ) as client:
        yield client


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds, for 5 s at most."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the simulator has no event to wait for
            await asyncio.sleep(0)


class Clock:
    """Time that passes when told to, in nanoseconds."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


async def test_counts_are_exact() -> None:
    """Received, admitted, refused and answered, by text and by token, with their peaks."""
    clock = Clock()
    settings = SimulatorSettings(rpm=5, fault_script=(None, None, Fault.INTERNAL))
    async with Simulator(settings, clock=clock) as simulator, http(simulator) as client:
        statuses = []
        for seconds, texts in (
            (10, ("one", "two", "one")),
            (15, ("three", "four", "five and more")),
            (69, ("six", "seven")),
            (100, ("eight",)),
            (101, ("",)),
        ):
            clock.now_ns = seconds * SECOND_NS
            statuses.append((await client.post(PATH, json=batch_of(*texts))).status_code)
        stats, by_text = simulator.stats(), simulator.answers_by_text()
    assert statuses == [200, 429, 200, 500, 400]
    assert (stats.calls, stats.calls_in_flight, stats.peak_calls_in_flight) == (5, 0, 1)
    assert stats.calls_by_status == {"200": 2, "429": 1, "500": 1, "400": 1}
    assert stats.quota_refusals == {"texts_per_minute": 1}
    assert stats.faults == {"internal": 1}
    assert (stats.texts_received, stats.texts_admitted, stats.texts_answered) == (9, 6, 5)
    assert (stats.tokens_received, stats.tokens_admitted, stats.tokens_answered) == (15, 8, 6)
    assert (stats.peak_texts_received, stats.peak_texts_admitted) == (8, 5)
    assert (stats.peak_tokens_received, stats.peak_tokens_admitted) == (13, 6)
    assert (stats.first_arrival_s, stats.last_arrival_s) == (10.0, 100.0)
    assert by_text == {
        hashlib.sha256(text.encode()).hexdigest(): times
        for text, times in (("one", 2), ("two", 1), ("six", 1), ("seven", 1))
    }


async def test_a_refused_call_is_admitted_after_its_delay() -> None:
    """Over HTTP, too, the delay told is true."""
    clock = Clock()
    settings = SimulatorSettings(rpm=3)
    async with Simulator(settings, clock=clock) as simulator, http(simulator) as client:
        assert (await client.post(PATH, json=batch_of("a", "b"))).status_code == 200
        clock.now_ns = 20 * SECOND_NS + 1
        refused = await client.post(PATH, json=batch_of("c", "d"))
        assert refused.status_code == 429
        retry_delay = refused.json()["error"]["details"][-1]["retryDelay"]
        assert retry_delay == "40s"
        assert "Please retry in 39.999999999s." in refused.json()["error"]["message"]
        assert (await client.post(PATH, json=batch_of("c"))).status_code == 200
        clock.now_ns = MINUTE_NS
        assert (await client.post(PATH, json=batch_of("c", "d"))).status_code == 200


async def test_a_429_uses_up_no_quota_and_a_refused_call_draws_no_fault() -> None:
    """So a script of faults meets the calls that the quotas let in, and only those."""
    settings = SimulatorSettings(rpm=2, fault_script=(None, Fault.EXHAUSTED, Fault.UNAVAILABLE))
    async with Simulator(settings, clock=lambda: 0) as simulator, http(simulator) as client:
        statuses = [
            (await client.post(PATH, json=batch_of(*texts))).status_code
            for texts in (("a",), ("b", "c"), ("b",), ("b",), ("d",))
        ]
        assert simulator.stats().texts_admitted == 2
    assert statuses == [200, 429, 429, 503, 429]


async def test_a_quota_may_refuse_without_a_word_about_itself() -> None:
    """Neither its figure nor a delay; it is counted as a refusal of the quota all the same."""
    settings = SimulatorSettings(rpm=2, quota_told="nothing")
    async with Simulator(settings, clock=lambda: 0) as simulator, http(simulator) as client:
        answer = await client.post(PATH, json=batch_of("a", "b", "c"))
        assert simulator.stats().quota_refusals == {"texts_per_minute": 1}
    assert answer.status_code == 429
    assert "details" not in answer.json()["error"]


async def test_a_client_that_leaves_has_not_been_answered() -> None:
    """Its texts were admitted, and are counted as abandoned."""
    settings = SimulatorSettings(latency_ms=60_000)
    async with Simulator(settings) as simulator, http(simulator) as client:
        call = asyncio.create_task(client.post(PATH, json=batch_of("a")))
        await until(lambda: simulator.stats().texts_admitted == 1)
        call.cancel()
        await until(lambda: simulator.stats().calls_in_flight == 0)
        stats = simulator.stats()
    assert (stats.abandoned, stats.texts_answered, stats.calls_by_status) == (1, 0, {})


async def test_an_answer_counts_when_its_last_byte_is_with_the_system() -> None:
    """While a client reads slowly, nothing of a large answer counts."""
    body = json.dumps(batch_of(*map(str, range(100)), dimensions=3072)).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nx-goog-api-key: k\r\nContent-Length: {len(body)}"
    loop = asyncio.get_running_loop()
    async with Simulator() as simulator:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            host, port = simulator.base_url.removeprefix("http://").split(":")
            await loop.sock_connect(connection, (host, int(port)))
            await loop.sock_sendall(connection, head.encode() + b"\r\n\r\n" + body)
            assert await loop.sock_recv(connection, 9) == b"HTTP/1.1 "
            assert simulator.stats().calls_in_flight == 1
            assert simulator.stats().texts_answered == 0
            async with asyncio.timeout(20):
                while simulator.stats().calls_in_flight:
                    await loop.sock_recv(connection, 1 << 20)
        assert simulator.stats().texts_answered == 100


async def test_latency_is_per_call_and_per_text_and_concurrent() -> None:
    """Two calls at once take as long as one; a text adds its share."""
    settings = SimulatorSettings(latency_ms=100, latency_per_text_ms=20, latency_jitter_ms=1)
    loop = asyncio.get_running_loop()
    async with Simulator(settings) as simulator, http(simulator) as client:
        begin = loop.time()
        async with asyncio.TaskGroup() as calls:
            for _ in range(20):
                calls.create_task(client.post(PATH, json=batch_of("a", "b", "c")))
        elapsed = loop.time() - begin
        assert simulator.stats().peak_calls_in_flight == 20
    assert 0.16 <= elapsed < 20 * 0.16


async def test_settings_change_while_it_runs() -> None:
    """A partial update by HTTP; what the quotas counted stays counted; keys are not told."""
    async with Simulator(SimulatorSettings(api_key="any")) as simulator, http(simulator) as client:
        assert (await client.post(PATH, json=batch_of("a", "b"))).status_code == 200
        changed = await client.post("/_simulator/settings", json={"rpm": 3, "tier": "paid"})
        assert (changed.json()["rpm"], changed.json()["tier"]) == (3, "paid")
        assert "api_key" not in changed.json()
        assert (await client.post(PATH, json=batch_of("a", "b"))).status_code == 429
        await client.post("/_simulator/settings", json={"rpm": 0, "faults": {"unavailable": 1.0}})
        assert (await client.post(PATH, json=batch_of("a"))).status_code == 503
        assert (await client.get("/_simulator/settings")).json()["faults"] == {"unavailable": 1.0}


@pytest.mark.parametrize("body", [b'{"rpm": -1}', b'{"colour": 1}', b"[]", b"rpm=3"])
async def test_impossible_changes_change_nothing(body: bytes) -> None:
    """They are answered with 400."""
    async with Simulator(SimulatorSettings(rpm=7)) as simulator, http(simulator) as client:
        answer = await client.post("/_simulator/settings", content=body)
        assert answer.status_code == 400
        assert simulator.settings == SimulatorSettings(rpm=7)


async def test_reset_forgets_counts_quotas_and_texts() -> None:
    """Tests that share a simulator begin anew; over HTTP the counts are the same as in process."""
    async with Simulator(SimulatorSettings(rpm=2)) as simulator, http(simulator) as client:
        await client.post(PATH, json=batch_of("a", "b"))
        assert (await client.get("/_simulator/stats")).json()["texts_answered"] == 2
        digest = hashlib.sha256(b"a").hexdigest()
        assert (await client.get("/_simulator/texts")).json()[digest] == 1
        await client.post("/_simulator/reset")
        assert simulator.stats().calls == 0
        assert simulator.answers_by_text() == {}
        assert (await client.post(PATH, json=batch_of("a", "b"))).status_code == 200


async def test_texts_need_not_be_recorded() -> None:
    """For long runs."""
    settings = SimulatorSettings(record_texts=False)
    async with Simulator(settings) as simulator, http(simulator) as client:
        await client.post(PATH, json=batch_of("a"))
        assert simulator.answers_by_text() == {}
        assert simulator.stats().texts_answered == 1


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_answers_look_like_google_s(encoding: str) -> None:
    """Indented by two, gzipped for those who ask, marked as the simulator's."""
    async with Simulator() as simulator, http(simulator) as client:
        headers = {"Accept-Encoding": encoding}
        async with client.stream("POST", PATH, json=batch_of("a"), headers=headers) as answer:
            raw = b"".join([piece async for piece in answer.aiter_raw()])
            assert answer.headers["x-waypoint-simulator"] == "1"
            assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    text = gzip.decompress(raw) if encoding == "gzip" else raw
    assert text.startswith(b'{\n  "embeddings": [\n    {\n      "values": [\n        ')
    assert len(json.loads(text)["embeddings"][0]["values"]) == 128


@pytest.mark.parametrize("authentication", [{"headers": HEADERS}, {"params": {"key": "any"}}])
async def test_a_single_text_is_answered_in_its_own_shape(authentication: dict[str, Any]) -> None:
    """embedContent, with the key in a header or in the query."""
    body = batch_of("a")["requests"][0]
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        url = f"{simulator.base_url}/v1/models/gemini-embedding-001:embedContent"
        answer = await client.post(url, json=body, **authentication)
        assert len(answer.json()["embedding"]["values"]) == 128
        assert (await client.post(url, json=body)).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"requests": []}',
        b'{"requests": [1]}',
        b'{"requests": [{"model": "models/gemini-embedding-001"}]}',
        b'{"requests": [{"content": {"parts": [{"text": "no model"}]}}]}',
        b'{"requests": [{"model": "models/gemini-embedding-001", "content": {"parts": [3]}}]}',
        json.dumps(batch_of("a", dimensions=True)).encode(),
        json.dumps(batch_of("a")).replace('"role"', '"parts"').encode(),
        json.dumps(batch_of("a")).replace('"outputD', '"taskType": "COOKING", "outputD').encode(),
    ],
)
async def test_malformed_bodies_are_refused_in_google_s_form(body: bytes) -> None:
    """Never a 500, never an answer."""
    async with Simulator() as simulator, http(simulator) as client:
        answer = await client.post(PATH, content=body)
        assert answer.status_code == answer.json()["error"]["code"] == 400
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
