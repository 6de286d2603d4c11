"""A connection to a server that speaks the Gemini API: its adapter is imported by the first call.

A run with nothing to embed never loads the SDK, which takes 0.7 s.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread

from waypoint.embedding.port import Embedder, TransientCallError
from waypoint.embedding.providers.model_card import model_card, names_simulator
from waypoint.errors import ServiceUnavailableError
from waypoint.models import EmbeddingSpace
from waypoint.settings import Settings

_ADAPTER = "waypoint.embedding.providers.gemini"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where calls go, and with what."""

    key: str = field(repr=False)
    base_url: str | None
    """None for Google's own address."""
    timeout: float
    """Seconds that a call may take."""

    @asynccontextmanager
    async def open(self, space: EmbeddingSpace) -> AsyncIterator[Embedder]:
        """Embed for that space, over a client of one's own."""
        gemini = await to_thread.run_sync(_import_gemini)
        async with gemini.open_client(self.key, self.base_url) as client:
            yield gemini.GeminiEmbedder(client, space, self.timeout)


def key_of(settings: Settings) -> str:
    """The API key; empty if there is none."""
    key = settings.google_api_key
    return key.get_secret_value().strip() if key is not None else ""


async def is_simulator_at(base_url: str, key: str, settings: Settings) -> bool:
    """Whether the server there says that it is Waypoint's simulator.

    Raises:
        KeyRefusedError, RequestRefusedError: it refuses the key or the model.
        ServiceUnavailableError: it does not answer usefully.
    """
    model, deadline = settings.embedding_model, settings.call_timeout
    try:
        card = await model_card(base_url, key, model, deadline=deadline)
        if card:
            return names_simulator(card.get("displayName"))
        gemini = await to_thread.run_sync(_import_gemini)
        async with gemini.open_client(key, base_url) as client:
            simulated: bool = await gemini.is_simulator(client, model, deadline=deadline)
            return simulated
    except TransientCallError as error:
        raise ServiceUnavailableError(
            f"the server at GOOGLE_GEMINI_BASE_URL does not answer: {error.reason}",
            hint=f"see that {base_url} can be reached, or unset GOOGLE_GEMINI_BASE_URL",
        ) from error


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
    gc.disable()
    try:
        return importlib.import_module(_ADAPTER)
    finally:
        gc.enable()
        gc.freeze()
