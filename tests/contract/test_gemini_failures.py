"""Every way in which a call fails, and the error of ours that it becomes."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web
from google.genai import errors

from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.port import (
    CallError,
    CallRefusedError,
    LateAnswerError,
    QuotaExceededError,
    TransientCallError,
)
from waypoint.embedding.providers.gemini import GeminiEmbedder, is_simulator, open_client
from waypoint.embedding.providers.refusals import translate
from waypoint.errors import (
    DailyQuotaError,
    KeyRefusedError,
    RequestRefusedError,
    WaypointError,
)
from waypoint.models import EmbeddingSpace
from waypoint.simulator import Fault, Simulator, SimulatorSettings

MODEL = "gemini-embedding-001"
KEY = "AIzaSyA-key-that-must-not-be-seen-anywhere"
TEXTS = ["the secret cargo", "of the Ever Given", "and more of it"]


async def failure_of(
    base_url: str,
    *,
    dimensions: int = 768,
    patience: float = 10.0,
    texts: list[str] = TEXTS,
) -> Exception:
    """What a call raises; whatever it is, it shows neither a text nor the key."""
    async with open_client(KEY, base_url) as client:
        space = EmbeddingSpace("gemini", MODEL, dimensions, DOCUMENT_TASK)
        with pytest.raises((CallError, WaypointError)) as caught:
            await GeminiEmbedder(client, space, patience).embed(texts)
    told = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value)
    told += getattr(caught.value, "hint", "")
    assert KEY not in told
    assert not [text for text in texts if len(text) > 3 and text in told]
    return caught.value


@dataclass(frozen=True, slots=True)
class Failure:
    """How a transient error tells what happened."""

    reason: str
    status: int | None
    kind: type[TransientCallError] = TransientCallError
    retry_after: float | None = None


FAULTS = {
    Fault.RATE_LIMITED: Failure("429 RESOURCE_EXHAUSTED", 429, QuotaExceededError, 2.5),
    Fault.EXHAUSTED: Failure("429 RESOURCE_EXHAUSTED", 429, QuotaExceededError),
    Fault.INTERNAL: Failure("500 INTERNAL", 500),
    Fault.UNAVAILABLE: Failure("503 UNAVAILABLE", 503),
    Fault.DEADLINE: Failure("504 DEADLINE_EXCEEDED", 504),
    Fault.RESET_BEFORE_ANSWER: Failure("connection failed", None),
    Fault.RESET_IN_BODY: Failure("connection failed", None),
    Fault.TRUNCATED: Failure("connection failed (RemoteProtocolError)", None),
    Fault.HANG: Failure("no answer within 2 s", None, LateAnswerError),
    Fault.NOT_JSON: Failure("malformed answer (not JSON)", 200),
    Fault.EMPTY_OBJECT: Failure("malformed answer (not an answer's form)", 200),
    Fault.TOO_FEW_VECTORS: Failure("2 vectors for 3 texts", 200),
    Fault.WRONG_DIMENSION: Failure("vectors are not of 768 dimensions", 200),
    Fault.NAN_VALUE: Failure("malformed answer (not JSON)", 200),
    Fault.NULL_VALUE: Failure("vectors with values that are not ", 200),
}


@pytest.mark.parametrize("fault", Fault)
async def test_each_fault_of_the_simulator_is_translated(fault: Fault) -> None:
    """A new one fails here until it is told what it is to become."""
    settings = SimulatorSettings(fault_script=(fault,), fault_retry_delay_s=2.5)
    async with Simulator(settings) as simulator:
        patience = 2.0 if fault is Fault.HANG else 10.0
        error = await failure_of(simulator.base_url, patience=patience)
        assert simulator.stats().calls == 1
    expected = FAULTS[fault]
    assert type(error) is expected.kind
    assert isinstance(error, TransientCallError)
    assert error.reason.startswith(expected.reason)
    assert (error.status, error.retry_after) == (expected.status, expected.retry_after)


@pytest.mark.parametrize("tier", ["free", "paid"])
@pytest.mark.parametrize(("limit", "learned"), [("rpm", (2, None)), ("tpm", (None, 2))])
async def test_a_quota_tells_its_figure(
    tier: str, limit: str, learned: tuple[int | None, int | None]
) -> None:
    """Texts or tokens, by the quotaId; with the time to wait."""
    settings = SimulatorSettings().changed(tier=tier, **{limit: 2})
    async with Simulator(settings) as simulator:
        error = await failure_of(simulator.base_url)
    assert isinstance(error, QuotaExceededError)
    assert (error.rpm, error.tpm) == learned
    assert error.retry_after is not None


@pytest.mark.parametrize("tier", ["free", "paid"])
async def test_a_day_that_is_used_up_is_not_waited_for(tier: str) -> None:
    """Although the service tells a delay of seconds with it."""
    settings = SimulatorSettings().changed(tier=tier, rpd=2)
    async with Simulator(settings) as simulator:
        error = await failure_of(simulator.base_url)
    assert isinstance(error, DailyQuotaError)
    assert "2 texts" in str(error)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (SimulatorSettings(refused_keys=(KEY,)), "API key not valid"),
        (SimulatorSettings(leaked_keys=(KEY,)), "reported as leaked"),
    ],
    ids=["invalid", "leaked"],
)
async def test_a_key_that_is_refused(settings: SimulatorSettings, reason: str) -> None:
    """What the service says of it, and where to get another."""
    async with Simulator(settings) as simulator:
        error = await failure_of(simulator.base_url)
    assert isinstance(error, KeyRefusedError)
    assert reason in str(error)
    assert "GOOGLE_API_KEY" in error.hint


async def test_a_model_that_is_not_there() -> None:
    """Named, with the setting that chose it."""
    message = "models/gemini-embedding-001 is not found for API version v1beta."
    body = f'{{"error": {{"code": 404, "message": "{message}", "status": "NOT_FOUND"}}}}'
    async with answering(404, body, "application/json") as base_url:
        error = await failure_of(base_url)
    assert isinstance(error, RequestRefusedError)
    assert message in str(error)
    assert "EMBEDDING_MODEL" in error.hint


@pytest.mark.parametrize(
    ("texts", "dimensions"),
    [(["well", "with POISON in it"], 768), (["a", ""], 768), (["a"], 64), (["a"] * 101, 768)],
    ids=["poison", "empty text", "dimensions", "too many"],
)
async def test_a_call_that_is_refused_as_such(texts: list[str], dimensions: int) -> None:
    """Sending it again would not help."""
    async with Simulator(SimulatorSettings(poison="POISON")) as simulator:
        error = await failure_of(simulator.base_url, texts=texts, dimensions=dimensions)
    assert type(error) is CallRefusedError
    assert error.status == 400


@asynccontextmanager
async def answering(status: int, body: str, kind: str) -> AsyncIterator[str]:
    """A server that gives every request the same answer; its address."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body", "kind", "expected"),
    [
        (502, "<html>Bad Gateway</html>", "text/html", TransientCallError),
        (503, "", "text/plain", TransientCallError),
        (429, "slow down", "text/plain", QuotaExceededError),
        (408, "{}", "application/json", TransientCallError),
        (401, '{"error": {"code": 401}}', "application/json", KeyRefusedError),
        (400, "[]", "application/json", CallRefusedError),
        (200, "", "application/json", TransientCallError),
        (200, "[]", "application/json", TransientCallError),
        (200, "null", "application/json", TransientCallError),
        (200, '{"embeddings": null}', "application/json", TransientCallError),
        (200, '{"embeddings": [1, 2, 3]}', "application/json", TransientCallError),
        (200, '{"embeddings": [], "usageMetadata": []}', "application/json", TransientCallError),
        (200, '{"embeddings": [{"values": [0.0]}]}', "application/json", TransientCallError),
        (302, "", "text/plain", CallError),
    ],
)
async def test_answers_from_something_else_than_the_service(
    status: int, body: str, kind: str, expected: type[Exception]
) -> None:
    """A proxy, say: told apart by what helps against them, whatever the body is."""
    async with answering(status, body, kind) as base_url:
        assert isinstance(await failure_of(base_url), expected)


@pytest.mark.parametrize(
    "values",
    ["[" + ", ".join(["0.0"] * 768) + "]", '["a"]', "[[0.5]]", "[1e39" + ", 0.5" * 767 + "]", "7"],
    ids=["zero", "string", "nested", "beyond float32", "no list"],
)
async def test_vectors_that_cannot_be_used(values: str) -> None:
    """Nothing but numbers with a length that is not zero passes, and nothing else is raised."""
    body = f'{{"embeddings": [{{"values": {values}}}]}}'
    async with answering(200, body, "application/json") as base_url:
        assert type(await failure_of(base_url, texts=["one text"])) is TransientCallError


async def test_a_server_of_another_kind_is_not_the_simulator() -> None:
    """What another server calls its model decides nothing."""
    body = '{"name": "models/gemini-embedding-001", "displayName": "Gemini Embedding 001"}'
    async with answering(200, body, "application/json") as url, open_client(KEY, url) as client:
        assert not await is_simulator(client, MODEL, deadline=5)


async def test_a_server_that_hangs_is_not_waited_for() -> None:
    """Neither by a call nor by the first question, beyond what they were given."""
    settings = SimulatorSettings(fault_script=(Fault.HANG,))
    async with Simulator(settings) as simulator:
        await failure_of(simulator.base_url, patience=0.2)
        simulator.configure(fault_script=())
        async with open_client(KEY, simulator.base_url) as client:
            assert await is_simulator(client, MODEL, deadline=5)


def test_a_key_that_the_service_quotes_is_masked() -> None:
    """Google names the suspended consumer by its key."""
    message = f"Permission denied: Consumer 'api_key:{KEY}' has been suspended."
    body = {"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}}
    translated = translate(errors.ClientError(403, body), MODEL)
    assert isinstance(translated, KeyRefusedError)
    assert "has been suspended" in str(translated)
    assert KEY not in str(translated)


def test_what_the_service_says_can_be_shown_anywhere() -> None:
    """Codes for terminals and halves of surrogate pairs are spelled out."""
    body = {"error": {"code": 400, "status": "INVALID", "message": "\x1b[31mred \ud800 grün"}}
    told = translate(errors.APIError(400, body), MODEL)
    assert isinstance(told, CallRefusedError)
    assert told.reason == r"400 INVALID: \x1b[31mred \ud800 grün"
