"""The Gemini adapter.

The SDK keeps what it is good at (addresses, authentication, errors); its HTTP client is ours,
so that no other transport and no re-send of its own is in play, and the answer is taken from
below it and read in a thread: the SDK would make an object of each number, on the event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import httpx2
from anyio import to_thread
from google import genai
from google.genai import types

from waypoint.bounded_http import (
    AnswerBody,
    BoundedTransport,
    answer_of,
    certificates,
    open_http_client,
    receive,
)
from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.port import Answer, LateAnswerError, TransientCallError
from waypoint.embedding.providers.awake import fail_after_awake
from waypoint.embedding.providers.error_answer import ErrorAnswer
from waypoint.embedding.providers.gemini_answers import most_bytes, read_answer
from waypoint.embedding.providers.gemini_models import GEMINI_MODELS
from waypoint.embedding.providers.model_card import API_VERSION, is_encrypted, without_version
from waypoint.embedding.providers.refusals import CALL_FAILURES, Called, translate
from waypoint.models import EmbeddingSpace


@dataclass(slots=True)
class Slot:
    """Where the answer to a call goes, past the SDK."""

    most_bytes: int
    body: AnswerBody | None = None


answer_slot: ContextVar[Slot] = ContextVar("answer_slot")


class AnswerTransport(BoundedTransport):
    """Keeps good embedding answers for us and hands the SDK an empty object in their place."""

    async def _taken(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        if response.status_code != httpx2.codes.OK:
            told = await super()._taken(request, response)
            # Past the SDK, whose parser makes nothing of what is not in Google's form.
            raise ErrorAnswer(told.status_code, told.reason_phrase, told.content)
        slot = answer_slot.get()
        slot.body = await receive(response, slot.most_bytes)
        return answer_of(request, response, b"{}")


class GeminiEmbedder:
    """One model of one service, for one task. Built by ``Connection.open``."""

    models: Mapping[str, EmbeddingModel] = GEMINI_MODELS
    form = "embeddings"
    """Of its answers, as ``read_answer`` knows it."""

    def __init__(
        self,
        client: genai.Client,
        space: EmbeddingSpace,
        timeout: float,
        called: Called | None = None,
    ) -> None:
        self._client = client
        self._space = space
        self._timeout = timeout
        self._called = called or Called(space.model)
        self._model = self.models[space.model]
        # One at a time: in Python, many at once are no faster, and let the event loop wait.
        self._reading = anyio.CapacityLimiter(1)

    @property
    def space(self) -> EmbeddingSpace:
        return self._space

    async def embed(self, texts: Sequence[str]) -> Answer:
        """One call, as ``Embedder.embed`` says. ``texts``: 1 to 100, none of them empty."""
        dimensions = self._space.dimensions
        slot = Slot(most_bytes(len(texts), dimensions))
        token = answer_slot.set(slot)
        try:
            with fail_after_awake(self._timeout):
                await self._ask(texts)
        except TimeoutError:
            raise LateAnswerError(f"no answer within {self._timeout:g} s") from None
        except CALL_FAILURES as error:
            raise translate(error, self._called, texts) from error
        finally:
            answer_slot.reset(token)
        if slot.body is None:
            raise TransientCallError("empty answer", 200)
        # It is billed: a cancellation waits until it is read, as it does until it is committed.
        with anyio.CancelScope(shield=True):
            answer = await to_thread.run_sync(
                partial(read_answer, slot.body, texts, dimensions=dimensions, form=self.form),
                limiter=self._reading,
            )
        return answer  # noqa: RET504 (to mypy, a scope might swallow an inner return)

    async def _ask(self, texts: Sequence[str]) -> None:
        """Have the SDK make the call; its answer comes by the transport."""
        requests = [self._request(text) for text in texts]
        await self._client.aio.models.embed_content(
            model=self._space.model,
            # The request list below replaces what the SDK makes of this: for many texts, its
            # conversion costs more than the call.
            contents=[types.Content(parts=[types.Part(text=texts[0])])],
            config=types.EmbedContentConfig(
                http_options=types.HttpOptions(extra_body={"requests": requests})
            ),
        )

    def _request(self, text: str) -> dict[str, Any]:
        # Each text is a content of its own: gemini-embedding-2 makes one vector of a list.
        request: dict[str, Any] = {
            "model": f"models/{self._space.model}",
            "content": {"parts": [{"text": text}], "role": "user"},
            "outputDimensionality": self._space.dimensions,
        }
        if self._model.task_forms is None:
            request["taskType"] = self._space.task_type
        return request


@asynccontextmanager
async def open_client(
    api_key: str, base_url: str | None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[genai.Client]:
    """An SDK client over our own transport; both are closed at the end.

    The API key travels in a header, never in an address, and is not kept by us.
    """
    encrypted = base_url is None or is_encrypted(base_url)
    address, version = without_version(base_url) if base_url else (None, API_VERSION)
    # The SDK loads certificates for each of three clients, two of them never used, in 50 ms each.
    tls = certificates(encrypted=False)
    async with open_http_client(AnswerTransport, encrypted=encrypted) as http_client:
        with httpx2.Client(verify=tls, trust_env=False) as unused:
            yield genai.Client(
                api_key=api_key,
                vertexai=False,
                http_options=types.HttpOptions(
                    base_url=address,
                    api_version=version,
                    headers=dict(headers or {}),
                    httpx_async_client=http_client,
                    httpx_client=unused,
                    # For the web sockets of its live interface.
                    async_client_args={"ssl": tls},
                ),
            )
