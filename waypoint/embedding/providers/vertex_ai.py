"""The provider ``vertex``: Gemini's models on Vertex AI, or a server in its place."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import httpx2
import orjson
from anyio import to_thread

from waypoint.bounded_http import BoundedTransport, open_http_client
from waypoint.embedding.port import Embedder, Endpoint
from waypoint.embedding.providers.gemini_connection import preload_adapter
from waypoint.embedding.providers.model_card import is_encrypted
from waypoint.embedding.providers.refusals import Called
from waypoint.embedding.providers.simulated import SIMULATOR
from waypoint.embedding.providers.vertex_models import LOCATIONS, VERTEX_MODELS, VERTEX_QUOTA
from waypoint.errors import ServiceUnavailableError
from waypoint.models import EmbeddingSpace
from waypoint.settings import QuotaTier, Settings

_ADAPTER = "waypoint.embedding.providers.vertex"


@dataclass(frozen=True, slots=True)
class VertexTarget:
    """Where calls go, and with what."""

    project: str
    """Empty for that of the credentials."""
    location: str
    api_key: str = field(repr=False)
    """Of express mode; empty for application default credentials."""
    base_url: str | None
    """None for Google's own address."""
    timeout: float
    """Seconds that a call may take."""
    credential: str
    """What is to be mended if it is refused."""

    @asynccontextmanager
    async def open(self, space: EmbeddingSpace) -> AsyncIterator[Embedder]:
        """Embed for that space, over a client of one's own."""
        await preload_adapter()
        vertex = await to_thread.run_sync(importlib.import_module, _ADAPTER)
        called = Called(space.model, self.credential, self.base_url, vertex=True)
        async with vertex.open_vertex(self, space, called) as embedder:
            yield embedder


class VertexAi:
    """Calls go to a project's quota in one location, and are billed to it.

    Its vectors are kept apart from those of the Developer API: that both are of one space is said
    nowhere.
    """

    name = "vertex"
    title = "Vertex AI"
    models = VERTEX_MODELS
    bills = True
    has_jobs = False
    quota = VERTEX_QUOTA
    suffix = "_vertex"

    async def find(self, settings: Settings) -> Endpoint:
        """As ``Provider.find``. Credentials are looked for by the first call alone."""
        target = _target(settings)
        notices: tuple[str, ...] = ()
        if settings.quota_tier is not QuotaTier.AUTO:
            notices = (f"QUOTA_TIER says nothing of {self.title}: see QUOTA_TPM",)
        simulated = target.base_url is not None and await _is_simulator(target)
        return Endpoint(SIMULATOR if simulated else self, self.quota, target.open, notices=notices)

    async def preload(self) -> None:
        """Import the SDK."""
        await preload_adapter()


def _target(settings: Settings) -> VertexTarget:
    key, name = settings.gemini_key
    project = settings.google_cloud_project or ""
    express = bool(key) and not project
    return VertexTarget(
        project,
        settings.google_cloud_location or LOCATIONS.get(settings.embedding_model, "global"),
        key if express else "",
        settings.google_vertex_base_url,
        settings.call_timeout,
        name if express else "GOOGLE_APPLICATION_CREDENTIALS",
    )


async def _is_simulator(target: VertexTarget) -> bool:
    """Whether the server there is Waypoint's simulator, which answers what no other does.

    Raises:
        ServiceUnavailableError: nothing answers there.
    """
    url = target.base_url or ""
    try:
        with anyio.fail_after(target.timeout):
            async with open_http_client(BoundedTransport, encrypted=is_encrypted(url)) as client:
                answer = await client.get(f"{url.rstrip('/')}/_simulator/stats")
    except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ServiceUnavailableError(
            f"the server at GOOGLE_VERTEX_BASE_URL does not answer ({type(error).__name__})",
            hint=f"see that {url} can be reached and is the right address, or unset "
            "GOOGLE_VERTEX_BASE_URL",
        ) from error
    try:
        return "texts_answered" in orjson.loads(answer.content)
    except (ValueError, TypeError):
        return False
