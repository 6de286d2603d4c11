"""The Gemini adapter: the only file that imports google-genai.

The SDK keeps what it is good at (addresses, authentication, errors); its HTTP client is ours,
so that no other transport and no re-send of its own is in play, and the answer is parsed
below it, by orjson straight into a numpy array. Doing so halves the CPU time of a call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any
from urllib.request import getproxies

import anyio
import httpx2
import numpy as np
import orjson
from google import genai
from google.genai import errors, types

from waypoint.embedding.known_models import known_model
from waypoint.embedding.port import Answer, CallError, LateAnswerError, TransientCallError
from waypoint.embedding.refusals import translate
from waypoint.errors import RequestRefusedError
from waypoint.models import EmbeddingSpace, Vectors

API_VERSION = "v1beta"
"""The SDK's default, v1, has changed before; v1beta is what its documentation shows."""

_answer_slot: ContextVar[list[_ParsedAnswer]] = ContextVar("answer_slot")


class _ParsedAnswer:
    """What the transport found in the body, handed past the SDK to the call that waits."""

    __slots__ = ("tokens", "values")

    def __init__(self, values: list[Any], tokens: int | None) -> None:
        self.values = values
        self.tokens = tokens


class _ParsingTransport(httpx2.AsyncHTTPTransport):
    """Parses good embedding answers itself and hands the SDK an empty object in their place."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        slot = _answer_slot.get(None)
        if slot is None or response.status_code != httpx2.codes.OK:
            return response
        response.request = request
        body = await response.aread()
        await response.aclose()
        slot.append(_parse(body))
        return httpx2.Response(
            200, headers={"content-type": "application/json"}, content=b"{}", request=request
        )


def _parse(body: bytes) -> _ParsedAnswer:
    """
    Raises:
        TransientCallError: not JSON (NaN is not either), or not in the form of an answer.
    """
    try:
        answer = orjson.loads(body)
        values = [embedding["values"] for embedding in answer["embeddings"]]
        tokens = answer.get("usageMetadata", {}).get("promptTokenCount")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise TransientCallError(f"malformed answer ({type(error).__name__})", 200) from None
    return _ParsedAnswer(values, tokens if isinstance(tokens, int) else None)


def normalised(values: list[Any], *, texts: int, dimensions: int) -> Vectors:
    """Check an answer's vectors and bring them to unit length.

    Below 3,072 dimensions the service's vectors are not of unit length (its documentation).

    Raises:
        TransientCallError: other than ``texts`` vectors, another dimension, or a value that
            is not finite. A short answer says nothing about which text each vector is for,
            so none of it is used.
    """
    if len(values) != texts:
        raise TransientCallError(f"{len(values)} vectors for {texts} texts", 200)
    try:
        with np.errstate(over="ignore"):
            vectors = np.array(values, dtype=np.float32)
    except (TypeError, ValueError):
        raise TransientCallError("vectors of unequal length or with non-numbers", 200) from None
    if vectors.ndim != 2 or vectors.shape[1] != dimensions:
        raise TransientCallError(f"vectors are not of {dimensions} dimensions", 200)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    # A length is finite only if all its vector's values are.
    if not np.isfinite(lengths).all():
        raise TransientCallError("vectors with values that are not finite", 200)
    if not lengths.all():
        raise TransientCallError("a vector of length zero", 200)
    return np.ascontiguousarray(vectors / lengths, dtype=np.float32)


class GeminiEmbedder:
    """One model of one service, for one task. Build it with :func:`open_gemini`."""

    def __init__(self, client: genai.Client, space: EmbeddingSpace, timeout: float) -> None:
        self._client = client
        self._space = space
        self._timeout = timeout
        self._model = known_model(space.model)

    @property
    def space(self) -> EmbeddingSpace:
        return self._space

    async def embed(self, texts: Sequence[str]) -> Answer:
        """One call, as ``Embedder.embed`` says. ``texts``: 1 to 100, none of them empty."""
        requests = [self._request(text) for text in texts]
        slot: list[_ParsedAnswer] = []
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
        return Answer(
            normalised(slot[0].values, texts=len(texts), dimensions=self._space.dimensions),
            slot[0].tokens,
        )

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
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(
        transport=_ParsingTransport(limits=limits),
        mounts=_proxies(limits),
        timeout=None,
    ) as http_client:
        yield genai.Client(
            api_key=api_key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=base_url, api_version=API_VERSION, httpx_async_client=http_client
            ),
        )


def _proxies(limits: httpx2.Limits) -> dict[str, httpx2.AsyncBaseTransport | None]:
    """Transports for the proxies of the environment: httpx2 heeds them only on its own one."""
    mounts: dict[str, httpx2.AsyncBaseTransport | None] = {}
    named = getproxies()
    for host in filter(None, map(str.strip, named.pop("no", "").split(","))):
        # ``.example.com`` is what others write for all hosts below it; ``*`` is httpx2's too.
        mounts[f"all://*{host}" if host.startswith(".") else f"all://{host}"] = None
    for scheme in ("http", "https", "all"):
        if scheme in named:
            mounts[f"{scheme}://"] = _ParsingTransport(limits=limits, proxy=named[scheme])
    return mounts


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
    return "waypoint simulator" in (answer.display_name or "").lower()
