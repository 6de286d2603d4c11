"""The Vertex AI adapter: what differs from the Gemini API's in its calls and credentials.

The SDK keeps addresses and access tokens. It would send gemini-embedding-001 to ``:embedContent``,
a text a call; so the transport below it puts the call in its place that takes many texts and
counts their tokens: ``:predict``. Neither cuts a text silently (``autoTruncate``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import google.auth
import httpx2
import orjson
from anyio import fail_after, to_thread
from google import genai
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.auth.transport.requests import Request as AuthRequest
from google.genai import types

from waypoint.bounded_http import certificates, open_http_client
from waypoint.embedding.port import TransientCallError
from waypoint.embedding.providers.error_answer import ErrorAnswer
from waypoint.embedding.providers.gemini import AnswerTransport, GeminiEmbedder
from waypoint.embedding.providers.model_card import is_encrypted
from waypoint.embedding.providers.refusals import Called
from waypoint.embedding.providers.vertex_ai import VertexTarget
from waypoint.embedding.providers.vertex_models import PREDICTED, VERTEX_MODELS
from waypoint.errors import KeyRefusedError, MissingKeyError
from waypoint.models import EmbeddingSpace
from waypoint.sanitize import sanitize

API_VERSION = "v1beta1"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_CREDENTIALS_TIMEOUT = 30.0
"""Seconds; where there are none, Google's library asks the network for a metadata server."""
_HINT = (
    "set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account, or run `gcloud auth "
    "application-default login`; with an express key, set GOOGLE_API_KEY and no "
    "GOOGLE_CLOUD_PROJECT"
)


@dataclass(slots=True)
class _Call:
    """What is sent in place of the SDK's own."""

    method: str
    body: bytes
    authorization: str = ""
    """What it was sent with."""


_call: ContextVar[_Call] = ContextVar("vertex_call")


class _VertexTransport(AnswerTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        call = _call.get()
        call.authorization = request.headers.get("authorization", "")
        address = f"{str(request.url).rpartition(':')[0]}:{call.method}"
        own = ("content-length", "transfer-encoding")
        headers = [pair for pair in request.headers.multi_items() if pair[0].lower() not in own]
        replaced = httpx2.Request(
            "POST", address, headers=headers, content=call.body, extensions=request.extensions
        )
        return await super().handle_async_request(replaced)


class VertexEmbedder(GeminiEmbedder):
    """One model in one location, for one task. Built by :func:`open_vertex`."""

    models = VERTEX_MODELS

    def __init__(
        self,
        client: genai.Client,
        credentials: Credentials | None,
        space: EmbeddingSpace,
        timeout: float,
        called: Called,
    ) -> None:
        super().__init__(client, space, timeout, called)
        self._credentials = credentials
        self._accepted = ""
        """The last authorization that was taken, whatever became of its call."""
        self._strangers = 0
        """Tokens in a row that were refused and never taken."""
        self._predicts = space.model == PREDICTED
        self.form = "predictions" if self._predicts else "embedding"

    async def _ask(self, texts: Sequence[str]) -> None:
        made = self._predict(texts) if self._predicts else self._embed_content(texts)
        method = "predict" if self._predicts else "embedContent"
        call = _Call(method, await to_thread.run_sync(orjson.dumps, made))
        token = _call.set(call)
        try:
            await self._client.aio.models.embed_content(model=self._space.model, contents="text")
        except ErrorAnswer as error:
            if error.code == httpx2.codes.UNAUTHORIZED:
                self._renew(call.authorization, error, texts)
            else:
                self._accept(call.authorization)
            raise
        except GoogleAuthError as error:
            raise _auth_failure(error) from error
        finally:
            _call.reset(token)
        self._accept(call.authorization)

    def _accept(self, authorization: str) -> None:
        self._accepted, self._strangers = authorization, 0

    def _predict(self, texts: Sequence[str]) -> dict[str, Any]:
        return {
            "instances": [{"content": text, "task_type": self._space.task_type} for text in texts],
            "parameters": {
                "outputDimensionality": self._space.dimensions,
                "autoTruncate": False,
            },
        }

    def _embed_content(self, texts: Sequence[str]) -> dict[str, Any]:
        (text,) = texts
        return {
            "content": {"role": "user", "parts": [{"text": text}]},
            "embedContentConfig": {
                "outputDimensionality": self._space.dimensions,
                "autoTruncate": False,
            },
        }

    def _renew(self, authorization: str, error: ErrorAnswer, texts: Sequence[str]) -> None:
        """Have a token that is refused replaced, unless it is the second that never was taken: it
        may have been revoked before its time.

        Raises:
            TransientCallError: the next call has another token.
        """
        if self._credentials is None:
            return
        present = f"Bearer {self._credentials.token}"
        if authorization == present:
            self._strangers += authorization != self._accepted
            if self._strangers > 1:
                return
            self._credentials.token = None
        raise TransientCallError("401 UNAUTHENTICATED", 401, said=error.said(texts)) from error


@asynccontextmanager
async def open_vertex(
    target: VertexTarget, space: EmbeddingSpace, called: Called
) -> AsyncIterator[VertexEmbedder]:
    """An embedder over our own transport, closed at the end.

    Raises:
        MissingKeyError: there are no credentials, or no project.
        KeyRefusedError: Google refuses them.
        TransientCallError: Google did not answer.
    """
    credentials, project = None, target.project
    if not target.api_key:
        credentials, project = await _credentials(target.project)
    encrypted = target.base_url is None or is_encrypted(target.base_url)
    tls = certificates(encrypted=False)
    async with open_http_client(_VertexTransport, encrypted=encrypted) as http_client:
        with httpx2.Client(verify=tls, trust_env=False) as unused:
            options = types.HttpOptions(
                base_url=target.base_url,
                api_version=API_VERSION,
                httpx_async_client=http_client,
                httpx_client=unused,
                async_client_args={"ssl": tls},
            )
            if credentials is None:
                client = genai.Client(vertexai=True, api_key=target.api_key, http_options=options)
            else:
                client = genai.Client(
                    vertexai=True,
                    project=project,
                    location=target.location,
                    credentials=credentials,
                    http_options=options,
                )
            yield VertexEmbedder(client, credentials, space, target.timeout, called)


async def _credentials(project: str) -> tuple[Credentials, str]:
    """Application default credentials with a first token, and whose project they are for."""
    try:
        with fail_after(_CREDENTIALS_TIMEOUT):
            credentials, own = await to_thread.run_sync(_load, abandon_on_cancel=True)
            await to_thread.run_sync(partial(_refresh, credentials), abandon_on_cancel=True)
    except TimeoutError:
        raise MissingKeyError(
            f"no Google credentials were found within {_CREDENTIALS_TIMEOUT:g} s", hint=_HINT
        ) from None
    except GoogleAuthError as error:
        raise _auth_failure(error) from error
    if not (project or own):
        raise MissingKeyError(
            "the Google credentials say no project", hint="set GOOGLE_CLOUD_PROJECT"
        )
    return credentials, project or str(own)


def _refresh(credentials: Credentials) -> None:
    credentials.refresh(AuthRequest())  # type: ignore[no-untyped-call]


def _load() -> tuple[Credentials, str | None]:
    return google.auth.default(scopes=[_SCOPE])


def _auth_failure(error: GoogleAuthError) -> Exception:
    said = sanitize(" ".join(str(error.args[0] if error.args else error).split()))[:500]
    if isinstance(error, DefaultCredentialsError):
        return MissingKeyError(f"no Google credentials can be used: {said}", hint=_HINT)
    if error.retryable or type(error).__name__ == "TransportError":
        return TransientCallError("no access token", said=said)
    return KeyRefusedError(f"Google gives no access token for the credentials ({said})", hint=_HINT)
