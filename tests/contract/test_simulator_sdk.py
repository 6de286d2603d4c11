"""The simulator as the real google-genai SDK sees it: shapes, order, errors and faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import numpy as np
import pydantic
import pytest
from google import genai
from google.genai import errors, types

from waypoint.simulator import Fault, Simulator, SimulatorSettings, vector_of

MODEL = "gemini-embedding-001"
TEXTS = [f"text number {number} of the batch" for number in range(100)]


@asynccontextmanager
async def sdk(
    simulator: Simulator, key: str = "any", version: str = "v1beta"
) -> AsyncIterator[Any]:
    """The SDK's asynchronous models API, over an injected HTTP client of one attempt."""
    async with httpx2.AsyncClient(timeout=10) as http:
        options = types.HttpOptions(
            base_url=simulator.base_url, api_version=version, httpx_async_client=http
        )
        client = genai.Client(api_key=key, http_options=options)
        yield client.aio.models
        await client.aio.aclose()
        client.close()


async def embed(
    models: Any, texts: list[str], dimensions: int | None = 768, model: str = MODEL
) -> types.EmbedContentResponse:
    """Embed texts, each wrapped so that it gets a vector of its own."""
    response = await models.embed_content(
        model=model,
        contents=[types.Content(parts=[types.Part(text=text)]) for text in texts],
        config=types.EmbedContentConfig(
            task_type="RETRIEVAL_DOCUMENT", output_dimensionality=dimensions
        ),
    )
    assert isinstance(response, types.EmbedContentResponse)
    return response


def vectors_of(response: types.EmbedContentResponse) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The vectors of an answer: shape (texts, dimensions)."""
    return np.array([each.values for each in response.embeddings or []], np.float32)


def details_of(error: errors.APIError, kind: str) -> dict[str, Any]:
    """The detail of an error whose type ends so."""
    details = error.details["error"]["details"]
    return next(each for each in details if each["@type"].endswith(kind))


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_vectors_come_in_the_order_of_the_texts(version: str) -> None:
    """Each text gets its own vector, to the last bit."""
    async with Simulator() as simulator, sdk(simulator, version=version) as models:
        received = vectors_of(await embed(models, TEXTS))
    expected = np.array([vector_of(text, MODEL, 768) for text in TEXTS])
    assert np.array_equal(received, expected)


async def test_dimensions_default_to_the_largest() -> None:
    """Without outputDimensionality a vector has 3,072 values."""
    async with Simulator() as simulator, sdk(simulator) as models:
        received = vectors_of(await embed(models, ["a"], dimensions=None))
    assert np.array_equal(received, [vector_of("a", MODEL, 3072)])


async def test_bare_strings_get_a_vector_each_on_001_and_one_in_all_on_2() -> None:
    """The trap of the second model: N parts of one content make one vector."""
    async with Simulator() as simulator, sdk(simulator) as models:
        first = await models.embed_content(model=MODEL, contents=["a", "b", "c"])
        second = await models.embed_content(model="gemini-embedding-2", contents=["a", "b", "c"])
    assert len(first.embeddings) == 3
    assert len(second.embeddings) == 1


async def test_the_second_model_has_other_vectors_and_counts_tokens() -> None:
    """Only -2 tells what was used."""
    async with Simulator() as simulator, sdk(simulator) as models:
        response = await embed(models, ["four words of text"], model="gemini-embedding-2")
        plain = await embed(models, ["four words of text"])
    expected = vector_of("four words of text", "gemini-embedding-2", 768)
    assert np.array_equal(vectors_of(response), [expected])
    assert "usageMetadata" not in json.dumps(plain.model_dump(mode="json"))


async def test_the_model_says_that_it_is_simulated() -> None:
    """Waypoint tells the provider by the model's name and by a header."""
    async with Simulator() as simulator, sdk(simulator) as models:
        model = await models.get(model=MODEL)
    assert model.display_name == "Waypoint simulator (Gemini Embedding 001)"
    assert (model.version, model.input_token_limit) == ("001", 2048)
    assert "embedContent" in model.supported_actions


@pytest.mark.parametrize(
    ("key", "code", "status"),
    [("old", 400, "INVALID_ARGUMENT"), ("leaked", 403, "PERMISSION_DENIED"), ("good", None, "")],
)
async def test_keys_are_refused_as_google_does(key: str, code: int | None, status: str) -> None:
    """A bad key is a 400 with ErrorInfo; a leaked one a 403."""
    settings = SimulatorSettings(api_key="good", leaked_keys=("leaked",))
    async with Simulator(settings) as simulator, sdk(simulator, key=key) as models:
        if code is None:
            await embed(models, ["a"])
            return
        for request in (embed(models, ["a"]), models.get(model=MODEL)):
            with pytest.raises(errors.ClientError) as caught:
                await request
            assert (caught.value.code, caught.value.status) == (code, status)
            if key == "old":
                assert details_of(caught.value, "ErrorInfo")["reason"] == "API_KEY_INVALID"


@pytest.mark.parametrize(
    ("request_of", "code", "message"),
    [
        (
            lambda models: embed(models, [*TEXTS, "one more"]),
            400,
            "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch",
        ),
        (
            lambda models: embed(models, ["a", ""]),
            400,
            "EmbedContentRequest.content contains an empty Part.",
        ),
        (lambda models: embed(models, ["a"], 127), 400, "output_dimensionality"),
        (lambda models: embed(models, ["a"], 3073), 400, "output_dimensionality"),
        (lambda models: embed(models, ["a" * 4_194_304]), 400, "payload size exceeds the limit"),
        (lambda models: embed(models, ["it has POISON"]), 400, "invalid argument"),
        (lambda models: embed(models, ["a"], model="gecko"), 404, "models/gecko is not found"),
        (lambda models: models.get(model="gecko"), 404, "models/gecko is not found"),
    ],
)
async def test_calls_that_are_not_in_order_are_refused_whole(
    request_of: Callable[[Any], Any], code: int, message: str
) -> None:
    """Each with Google's code and message, and nothing of it counts as answered."""
    settings = SimulatorSettings(poison="POISON")
    async with Simulator(settings) as simulator, sdk(simulator) as models:
        with pytest.raises(errors.ClientError) as caught:
            await request_of(models)
        assert caught.value.code == code
        assert message in str(caught.value.message)
        assert simulator.stats().texts_admitted == simulator.stats().texts_answered == 0


@pytest.mark.parametrize(
    ("tier", "limits", "quota_id", "value"),
    [
        (
            "free",
            {"rpm": 10},
            "EmbedContentRequestsPerMinutePerUserPerProjectPerModel-FreeTier",
            "10",
        ),
        ("paid", {"rpm": 10}, "EmbedContentPerMinutePerProjectPerUserPerModel-PaidTier", "10"),
        (
            "free",
            {"tpm": 70},
            "EmbedContentInputTokensPerMinutePerProjectPerModel-FreeTier",
            "70",
        ),
        (
            "free",
            {"rpd": 12},
            "EmbedContentRequestsPerDayPerUserPerProjectPerModel-FreeTier",
            "12",
        ),
    ],
)
async def test_a_quota_refuses_with_its_id_and_a_delay(
    tier: str, limits: dict[str, int], quota_id: str, value: str
) -> None:
    """QuotaFailure and RetryInfo lie where clients look for them."""
    settings = SimulatorSettings().changed(tier=tier, **limits)
    async with Simulator(settings, clock=lambda: 0) as simulator, sdk(simulator) as models:
        await embed(models, TEXTS[:9])
        with pytest.raises(errors.ClientError) as caught:
            await embed(models, TEXTS[:9])
    error = caught.value
    assert (error.code, error.status) == (429, "RESOURCE_EXHAUSTED")
    (violation,) = details_of(error, "QuotaFailure")["violations"]
    assert (violation["quotaId"], violation["quotaValue"]) == (quota_id, value)
    delay = details_of(error, "RetryInfo")["retryDelay"]
    assert delay == ("12s" if "rpd" in limits else "60s")
    assert f"Please retry in {delay[:-1]}.000000000s." in str(error.message)


REFUSALS = {
    Fault.RATE_LIMITED: (errors.ClientError, 429, "RESOURCE_EXHAUSTED"),
    Fault.EXHAUSTED: (errors.ClientError, 429, "RESOURCE_EXHAUSTED"),
    Fault.INTERNAL: (errors.ServerError, 500, "INTERNAL"),
    Fault.UNAVAILABLE: (errors.ServerError, 503, "UNAVAILABLE"),
    Fault.DEADLINE: (errors.ServerError, 504, "DEADLINE_EXCEEDED"),
}
BREAKS = {
    Fault.RESET_BEFORE_ANSWER: httpx2.NetworkError,
    Fault.RESET_IN_BODY: httpx2.NetworkError,
    Fault.TRUNCATED: httpx2.RemoteProtocolError,
    Fault.NOT_JSON: json.JSONDecodeError,
    Fault.NULL_VALUE: pydantic.ValidationError,
}
SPOILT: dict[Fault, Callable[[types.EmbedContentResponse], bool]] = {
    Fault.EMPTY_OBJECT: lambda answer: answer.embeddings is None,
    Fault.TOO_FEW_VECTORS: lambda answer: vectors_of(answer).shape == (2, 768),
    Fault.WRONG_DIMENSION: lambda answer: vectors_of(answer).shape == (3, 767),
    Fault.NAN_VALUE: lambda answer: int(np.isnan(vectors_of(answer)).sum()) == 1,
}


async def meet_a_hang(simulator: Simulator, models: Any) -> None:
    """Let a call hang, give it up, and see that the simulator has noticed."""
    call = asyncio.create_task(embed(models, TEXTS[:3]))
    async with asyncio.timeout(5):
        while not simulator.stats().faults:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.1)
        while simulator.stats().calls_in_flight:  # noqa: ASYNC110
            await asyncio.sleep(0)


def test_every_fault_is_tested() -> None:
    """A new fault has to be seen from a client, too."""
    assert REFUSALS.keys() | BREAKS.keys() | SPOILT.keys() | {Fault.HANG} == set(Fault)


@pytest.mark.parametrize("fault", Fault)
async def test_a_fault_as_a_client_meets_it(fault: Fault) -> None:
    """It is seen once, counted, never counted as answered, and the next call is well."""
    settings = SimulatorSettings(fault_script=(fault,), fault_retry_delay_s=2.5)
    async with Simulator(settings) as simulator, sdk(simulator) as models:
        if fault in REFUSALS:
            kind, code, status = REFUSALS[fault]
            with pytest.raises(kind) as caught:
                await embed(models, TEXTS[:3])
            assert (caught.value.code, caught.value.status) == (code, status)
            if fault is Fault.RATE_LIMITED:
                assert details_of(caught.value, "RetryInfo")["retryDelay"] == "2.500s"
            else:
                assert "details" not in caught.value.details["error"]
        elif fault in BREAKS:
            with pytest.raises(BREAKS[fault]):
                await embed(models, TEXTS[:3])
        elif fault is Fault.HANG:
            await meet_a_hang(simulator, models)
        else:
            assert SPOILT[fault](await embed(models, TEXTS[:3]))
        assert simulator.stats().faults == {fault: 1}
        assert simulator.stats().texts_answered == 0
        assert vectors_of(await embed(models, TEXTS[:3])).shape == (3, 768)
        assert simulator.stats().texts_answered == 3
        assert simulator.stats().abandoned == 0
