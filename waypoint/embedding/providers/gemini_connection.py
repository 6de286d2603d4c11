"""A connection to a server that speaks the Gemini API: its adapter is imported by the first call.

A run with nothing to embed never loads the SDK, which takes 0.7 s.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread

from waypoint.embedding.batch_jobs.port import BatchJobs
from waypoint.embedding.port import Embedder, TransientCallError
from waypoint.embedding.providers.model_card import model_card, names_simulator
from waypoint.embedding.providers.refusals import Called
from waypoint.errors import MissingKeyError, ServiceUnavailableError
from waypoint.models import EmbeddingSpace
from waypoint.settings import Settings

_ADAPTER = "waypoint.embedding.providers.gemini"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where calls go, and with what."""

    key: str = field(repr=False)
    credential: str
    """The setting that the key is from."""
    base_url: str | None
    """None for Google's own address."""
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    """Seconds that a call may take."""

    @asynccontextmanager
    async def open(self, space: EmbeddingSpace) -> AsyncIterator[Embedder]:
        """Embed for that space, over a client of one's own."""
        gemini = await to_thread.run_sync(_import_gemini)
        async with gemini.open_client(self.key, self.base_url, self.headers) as client:
            called = Called(space.model, self.credential, self.base_url)
            yield gemini.GeminiEmbedder(client, space, self.timeout, called)

    @asynccontextmanager
    async def open_jobs(self) -> AsyncIterator[BatchJobs]:
        """Batch jobs of that key."""
        await preload_adapter()
        from waypoint.embedding.providers.gemini_jobs import open_jobs

        async with open_jobs(self.key, self.base_url, self.headers, self.timeout) as jobs:
            yield jobs


def configured_connection(settings: Settings) -> Connection:
    """To Google, or to GOOGLE_GEMINI_BASE_URL.

    Raises:
        MissingKeyError: there is no key.
    """
    key, name = settings.gemini_key
    if not key:
        raise MissingKeyError(
            "no API key: GOOGLE_API_KEY is not set",
            hint="set GOOGLE_API_KEY (or GEMINI_API_KEY) in the environment or in .env "
            "(get one at https://aistudio.google.com/apikey)",
        )
    return Connection(
        key, name, settings.google_gemini_base_url, settings.gemini_headers, settings.call_timeout
    )


async def is_simulator_at(connection: Connection, model: str) -> bool:
    """Whether the server there, if it is not Google's, says that it is Waypoint's simulator.

    Raises:
        KeyRefusedError, AccountRefusedError, RequestRefusedError: it refuses the question.
        ServiceUnavailableError: it does not answer usefully.
    """
    base_url = connection.base_url
    if base_url is None:
        return False
    try:
        card = await model_card(
            base_url,
            connection.key,
            Called(model, connection.credential, base_url),
            deadline=connection.timeout,
            headers=connection.headers,
        )
    except TransientCallError as error:
        does = "does not answer" if error.status is None else "does not answer as the Gemini API"
        raise ServiceUnavailableError(
            f"the server at GOOGLE_GEMINI_BASE_URL {does}: {error.whole}",
            hint=f"see that {base_url} can be reached and is the right address, or unset "
            "GOOGLE_GEMINI_BASE_URL",
        ) from error
    return names_simulator(card.get("displayName"))


async def preload_adapter() -> None:
    """Import the SDK ahead of the first call, while other things start."""
    await to_thread.run_sync(_import_gemini)


def _import_gemini() -> Any:
    """The adapter's module, imported late and off the loop: with the SDK it takes 0.7 s.

    The SDK's half a million objects live as long as the process. Without them in its way, the
    garbage collector neither runs for them now nor looks at them again, 0.1 s each time, while
    the loop waits.
    """
    if _ADAPTER in sys.modules:
        # Waits, where another thread is not yet done with it.
        return importlib.import_module(_ADAPTER)
    # A process of our own (ingestion/runtime.py): a host's garbage and modules are not ours.
    own = bool(gc.get_freeze_count())
    gc.disable()
    try:
        with _not_installed("aiohttp") if own else nullcontext():
            return importlib.import_module(_ADAPTER)
    finally:
        gc.enable()
        if own:
            gc.freeze()


@contextmanager
def _not_installed(package: str) -> Iterator[None]:
    """As if it weren't: the SDK imports aiohttp where it can, 0.1 s, and calls by our client."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
