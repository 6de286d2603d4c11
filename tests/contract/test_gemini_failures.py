"""Every way in which a call fails, and the error of ours that it becomes."""

from __future__ import annotations

import json
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from aiohttp import web

from tests.support.hostile_server import HostileAnswer, hostile_server
from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.port import (
    CallError,
    CallRefusedError,
    LateAnswerError,
    QuotaExceededError,
    TransientCallError,
)
from waypoint.embedding.providers.error_answer import ErrorAnswer
from waypoint.embedding.providers.gemini import GeminiEmbedder, open_client
from waypoint.embedding.providers.model_card import model_card, names_simulator
from waypoint.embedding.providers.refusals import Called, translate
from waypoint.errors import (
    AccountRefusedError,
    DailyQuotaError,
    KeyRefusedError,
    RequestRefusedError,
    WaypointError,
)
from waypoint.models import EmbeddingSpace
from waypoint.sanitize import QUOTING
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
@pytest.mark.parametrize(("limit", "told"), [("rpm", (2, None)), ("tpm", (None, 2))])
async def test_a_quota_tells_its_figure(
    tier: str, limit: str, told: tuple[int | None, int | None]
) -> None:
    """Texts or tokens, by the quotaId; with the time to wait."""
    settings = SimulatorSettings().changed(tier=tier, **{limit: 2})
    async with Simulator(settings) as simulator:
        error = await failure_of(simulator.base_url)
    assert isinstance(error, QuotaExceededError)
    assert (error.rpm, error.tpm) == told
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
    async with answering(200, body, "application/json") as url:
        card = await model_card(url, KEY, Called(MODEL), deadline=5)
    assert not names_simulator(card["displayName"])


async def test_a_server_that_hangs_is_not_waited_for() -> None:
    """Neither by a call nor by the first question, beyond what they were given."""
    settings = SimulatorSettings(fault_script=(Fault.HANG,))
    async with Simulator(settings) as simulator:
        await failure_of(simulator.base_url, patience=0.2)
        simulator.configure(fault_script=())
        assert await model_card(simulator.base_url, KEY, Called(MODEL), deadline=5)


def test_a_key_that_the_service_quotes_is_masked() -> None:
    """Google names the suspended consumer by its key."""
    message = f"Permission denied: Consumer 'api_key:{KEY}' has been suspended."
    body = {"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}}
    translated = translate(ErrorAnswer(403, "Forbidden", orjson.dumps(body)), Called(MODEL))
    assert isinstance(translated, AccountRefusedError)
    assert "has been suspended" in str(translated)
    assert KEY not in str(translated)


def test_what_the_service_says_can_be_shown_anywhere() -> None:
    """Codes for terminals and halves of surrogate pairs are spelled out."""
    body = {"error": {"code": 400, "status": "INVALID", "message": "\x1b[31mred \ud800 grün"}}
    answer = ErrorAnswer(400, "Bad Request", json.dumps(body).encode())
    told = translate(answer, Called(MODEL))
    assert isinstance(told, CallRefusedError)
    assert told.reason == r"400 INVALID: \x1b[31mred \ud800 grün"


LINK = (
    "https://console.developers.google.com/apis/api/generativelanguage.googleapis.com/overview"
    "?project=123"
)
QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"
INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def because(name: str) -> dict[str, str]:
    return {"@type": INFO, "reason": name, "domain": "googleapis.com"}


FINAL: dict[str, tuple[int, str, tuple[dict[str, Any], ...]]] = {
    "Your prepayment credits are depleted. Please go to AI Studio.": (429, "billing", ()),
    "Your project has exceeded its monthly spending cap.": (429, "billing", ()),
    "You exceeded your current quota, please check your plan and billing details.\n* Quota "
    "exceeded for metric: m/embed_content_free_tier_requests, limit: 0, model: x\nPlease retry in "
    "2.1s.": (429, "enable billing", ()),
    "You exceeded your quota.": (
        429, "enable billing", ({"@type": QUOTA, "violations": [
            {"quotaId": "EmbedContentRequestsPerDay-FreeTier", "quotaValue": "0"}]},),
    ),
    "User location is not supported for the API use.": (400, "available-regions", ()),
    f"Generative Language API has not been used in project 123 before or it is disabled. Enable it "
    f"by visiting {LINK} then retry.": (403, "enable the API", (because("SERVICE_DISABLED"),)),
    "This API method requires billing to be enabled.": (403, "billing", ()),
    "Project 123 has been suspended / billing disabled.": (403, "another project", ()),
    "Your API key was reported as leaked. Please use another API key.": (403, "delete", ()),
    "The provided API key has an IP address restriction.": (
        403, "restricted", (because("API_KEY_IP_ADDRESS_BLOCKED"),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("said", FINAL, ids=lambda said: said[:30])
def test_what_no_waiting_fixes_is_told_with_its_hint(said: str) -> None:
    """The whole sentence, and a hint that fits it."""
    code, hint, details = FINAL[said]
    status = {400: "FAILED_PRECONDITION", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}[code]
    body = {"error": {"code": code, "message": said, "status": status, "details": details}}
    told = translate(ErrorAnswer(code, "", json.dumps(body).encode()), Called(MODEL))
    assert isinstance(told, KeyRefusedError | AccountRefusedError)
    assert " ".join(said.splitlines()) in told.message
    assert hint in told.hint


PAGES = {
    b"<html><body><h1>It works!</h1></body></html>": "an HTML page: It works!",
    b"<!DOCTYPE html><title>Log\nin</title>": "an HTML page: Log in",
    b'{"detail": "Not Found"}': "JSON of another API: Not Found",
    b'{"error": "no route"}': "JSON of another API: no route",
    b'{"data": [], "object": "list"}': 'JSON of another API: {"data": [], "object": "list"}',
    b"[" * 60_000: "[" * 200 + "\u2026",
    b"Bad Gateway": "Bad Gateway",
    b'{"detail": "You asked for: the secret cargo of the Ever Given"}': QUOTING,
    b"": "",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page[:20])
async def test_what_is_no_answer_is_told_as_what_it_is(page: bytes) -> None:
    """A gateway's login page, another API, or nothing, with status 200 or another."""
    for status in (200, 503):
        with hostile_server(lambda *_asked, status=status: HostileAnswer([page], status)) as port:
            asked = ["the secret cargo of the Ever Given, and more of it"]
            failure = await failure_of(f"http://127.0.0.1:{port}", texts=asked)
        assert isinstance(failure, TransientCallError)
        assert failure.status == status
        assert failure.said == PAGES[page]


async def test_an_answer_that_is_cut_short_is_no_page() -> None:
    """Its numbers are not the service's words."""
    cut = b'{"embeddings": [{"values": [0.1, 0.2'
    with hostile_server(lambda *_asked: HostileAnswer([cut])) as port:
        failure = await failure_of(f"http://127.0.0.1:{port}")
    assert isinstance(failure, TransientCallError)
    assert (failure.reason, failure.said) == ("malformed answer (not JSON)", "")


DEEP = json.loads("[" * 900 + "]" * 900)
ODD_DETAILS = (
    [{"@type": DEEP, "reason": DEEP, "retryDelay": DEEP}],
    [{"@type": QUOTA, "violations": [{"quotaId": DEEP, "quotaValue": DEEP}, DEEP]}],
    [{"@type": QUOTA, "violations": {"a": 1}}, DEEP],
    DEEP,
)


@pytest.mark.parametrize("details", ODD_DETAILS, ids=range(len(ODD_DETAILS)))
@pytest.mark.parametrize("code", [400, 403, 429, 503])
def test_fields_of_any_shape_do_no_harm(code: int, details: object) -> None:
    """However deep: they are as if they were not there."""
    error = {"error": {"code": DEEP, "message": DEEP, "status": DEEP, "details": details}}
    told = translate(ErrorAnswer(code, "", json.dumps(error).encode()), Called(MODEL), TEXTS)
    assert isinstance(told, CallError | WaypointError)
    assert len(str(told)) < 200
