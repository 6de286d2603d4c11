"""The Gemini adapter: the only file that imports google-genai.

The SDK keeps what it is good at (addresses, authentication, errors); its HTTP client is ours,
so that no other transport and no re-send of its own is in play, and the answer is taken from
below it and read in a thread: the SDK would make an object of each number, on the event loop.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypedDict

import anyio
import httpx2
from anyio import to_thread
from google import genai
from google.genai import errors, types

from waypoint.embedding.answers import ACCEPTED_ENCODING, AnswerBody, read_answer
from waypoint.embedding.known_models import known_model
from waypoint.embedding.model_card import API_VERSION, is_encrypted, names_simulator
from waypoint.embedding.port import Answer, CallError, LateAnswerError, TransientCallError
from waypoint.embedding.proxies import proxies_of_environment
from waypoint.embedding.refusals import translate
from waypoint.errors import RequestRefusedError
from waypoint.models import EmbeddingSpace

_answer_slot: ContextVar[list[AnswerBody]] = ContextVar("answer_slot")


class _AnswerTransport(httpx2.AsyncHTTPTransport):
    """Keeps good embedding answers for us and hands the SDK an empty object in their place."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        slot = _answer_slot.get(None)
        if response.status_code != httpx2.codes.OK:
            return await _legible(response, request)
        if slot is None:
            return response
        response.request = request
        data = b"".join([part async for part in response.aiter_raw()])
        await response.aclose()
        encoding = response.headers.get("content-encoding", "").strip().lower()
        slot.append(AnswerBody(data, encoding))
        return httpx2.Response(
            200, headers={"content-type": "application/json"}, content=b"{}", request=request
        )


async def _legible(response: httpx2.Response, request: httpx2.Request) -> httpx2.Response:
    """A failure whose body the SDK can decode: a proxy's page may be in any encoding."""
    response.request = request
    body = await response.aread()
    await response.aclose()
    kept = ("retry-after", "content-type")
    headers = {name: response.headers[name] for name in kept if name in response.headers}
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode("latin-1").encode()
        headers["content-type"] = "text/plain; charset=utf-8"
    return httpx2.Response(response.status_code, headers=headers, content=body, request=request)


class GeminiEmbedder:
    """One model of one service, for one task. Build it with :func:`open_gemini`."""

    def __init__(self, client: genai.Client, space: EmbeddingSpace, timeout: float) -> None:
        self._client = client
        self._space = space
        self._timeout = timeout
        self._model = known_model(space.model)
        # One at a time: in Python, many at once are no faster, and let the event loop wait.
        self._reading = anyio.CapacityLimiter(1)

    @property
    def space(self) -> EmbeddingSpace:
        return self._space

    async def embed(self, texts: Sequence[str]) -> Answer:
        """One call, as ``Embedder.embed`` says. ``texts``: 1 to 100, none of them empty."""
        requests = [self._request(text) for text in texts]
        slot: list[AnswerBody] = []
        token = _answer_slot.set(slot)
        try:
            with anyio.fail_after(self._timeout):
                await self._client.aio.models.embed_content(
                    model=self._space.model,
                    # The request list below replaces what the SDK makes of this: for many
                    # texts, its conversion costs more than the call.
                    contents=[types.Content(parts=[types.Part(text=texts[0])])],
                    config=types.EmbedContentConfig(
                        http_options=types.HttpOptions(extra_body={"requests": requests})
                    ),
                )
        except TimeoutError:
            raise LateAnswerError(f"no answer within {self._timeout:g} s") from None
        except (errors.APIError, httpx2.HTTPError, ValueError) as error:
            raise translate(error, self._space.model) from error
        finally:
            _answer_slot.reset(token)
        if not slot:
            raise TransientCallError("empty answer", 200)
        # It is paid for: a cancellation waits until it is read, as it does until it is noted.
        with anyio.CancelScope(shield=True):
            answer = await to_thread.run_sync(
                partial(read_answer, slot[0], texts=len(texts), dimensions=self._space.dimensions),
                limiter=self._reading,
            )
        return answer  # noqa: RET504 (to mypy, a scope might swallow an inner return)

    def _request(self, text: str) -> dict[str, Any]:
        # Each text is a content of its own: gemini-embedding-2 makes one vector of a list.
        request: dict[str, Any] = {
            "model": f"models/{self._space.model}",
            "content": {"parts": [{"text": text}], "role": "user"},
            "outputDimensionality": self._space.dimensions,
        }
        if not self._model.task_in_text:
            request["taskType"] = self._space.task_type
        return request


@asynccontextmanager
async def open_client(api_key: str, base_url: str | None) -> AsyncIterator[genai.Client]:
    """An SDK client over our own transport; both are closed at the end.

    The API key travels in a header, never in an address, and is not kept by us.
    """
    encrypted = base_url is None or is_encrypted(base_url)
    # The SDK loads certificates for each of three clients, two of them never used, in 50 ms each.
    # One that trusts nobody is enough where nothing is encrypted.
    tls = httpx2.create_ssl_context() if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    options: _TransportOptions = {
        "limits": httpx2.Limits(max_connections=None, max_keepalive_connections=None),
        "verify": tls,
    }
    async with httpx2.AsyncClient(
        transport=_AnswerTransport(**options),
        mounts=_proxies(options),
        headers={"accept-encoding": ACCEPTED_ENCODING},
        timeout=None,
    ) as http_client:
        with httpx2.Client(verify=tls) as unused:
            yield genai.Client(
                api_key=api_key,
                vertexai=False,
                http_options=types.HttpOptions(
                    base_url=base_url,
                    api_version=API_VERSION,
                    httpx_async_client=http_client,
                    httpx_client=unused,
                    # For the web sockets of its live interface.
                    async_client_args={"ssl": tls},
                ),
            )


class _TransportOptions(TypedDict):
    limits: httpx2.Limits
    verify: ssl.SSLContext


def _proxies(options: _TransportOptions) -> dict[str, httpx2.AsyncBaseTransport | None]:
    """Transports for the proxies of the environment: httpx2 heeds them only on its own one."""
    return {
        pattern: None if url is None else _AnswerTransport(**options, proxy=url)
        for pattern, url in proxies_of_environment().items()
    }


async def is_simulator(client: genai.Client, model: str, *, deadline: float) -> bool:
    """Whether the server says of itself that it is Waypoint's simulator.

    Raises:
        KeyRefusedError, RequestRefusedError: the server refuses the key or the model.
        TransientCallError: it did not answer usefully.
    """
    try:
        with anyio.fail_after(deadline):
            answer = await client.aio.models.get(model=model)
    except TimeoutError:
        raise TransientCallError(f"no answer within {deadline:g} s") from None
    except (errors.APIError, httpx2.HTTPError, ValueError) as error:
        failure = translate(error, model)
        if isinstance(failure, CallError) and not isinstance(failure, TransientCallError):
            raise RequestRefusedError(f"GET models/{model}: {failure.reason}") from error
        raise failure from error
    return names_simulator(answer.display_name)
