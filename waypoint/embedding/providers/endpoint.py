"""The embedding service of a run: Gemini, a server in its place, or a simulator of our own."""

from __future__ import annotations

import gc
import importlib
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import orjson
from anyio import to_thread

from waypoint.child_environment import child_environment, module_path
from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.port import Answer, Embedder, TransientCallError
from waypoint.embedding.providers.model_card import model_card, names_simulator
from waypoint.errors import MissingKeyError, ServiceUnavailableError
from waypoint.models import EmbeddingSpace
from waypoint.observe.gauges import doing
from waypoint.settings import Settings

GEMINI = "gemini"
SIMULATOR = "simulator"

SIMULATOR_START_TIMEOUT = 30.0
_ADAPTER = "waypoint.embedding.providers.gemini"
_ANY_KEY = "simulated"
"""The simulator takes any key; the SDK wants one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where calls go, and whose vectors they bring."""

    provider: str
    api_key: str
    base_url: str | None
    """None for Google's own address, and for a simulator that is yet to be started."""


async def find_endpoint(settings: Settings, *, simulate: bool) -> Endpoint:
    """Decide where calls go; makes one call, which costs nothing, only if a base URL is set.

    Raises:
        MissingKeyError: no key, and no simulator asked for.
        KeyRefusedError, RequestRefusedError, ServiceUnavailableError: from that one call.
    """
    if simulate:
        return Endpoint(SIMULATOR, _ANY_KEY, None)
    if settings.google_api_key is None or not settings.google_api_key.get_secret_value().strip():
        raise MissingKeyError(
            "no API key: GOOGLE_API_KEY is not set",
            hint="set GOOGLE_API_KEY in the environment or in .env "
            "(get one at https://aistudio.google.com/apikey), or add --simulate to try "
            "everything without a key against the built-in simulator",
        )
    key = settings.google_api_key.get_secret_value().strip()
    base_url = settings.google_gemini_base_url
    if base_url is None:
        return Endpoint(GEMINI, key, None)
    simulated = await _ask_whether_simulator(settings, key, base_url)
    return Endpoint(SIMULATOR if simulated else GEMINI, key, base_url)


async def _ask_whether_simulator(settings: Settings, key: str, base_url: str) -> bool:
    deadline = settings.call_timeout
    try:
        card = await model_card(base_url, key, settings.embedding_model, deadline=deadline)
        if card:
            return names_simulator(card.get("displayName"))
        gemini = await to_thread.run_sync(_import_gemini)
        async with gemini.open_client(key, base_url) as client:
            simulated: bool = await gemini.is_simulator(
                client, settings.embedding_model, deadline=deadline
            )
            return simulated
    except TransientCallError as error:
        raise ServiceUnavailableError(
            f"the server at GOOGLE_GEMINI_BASE_URL does not answer: {error.reason}",
            hint=f"see that {base_url} can be reached, or unset GOOGLE_GEMINI_BASE_URL",
        ) from error


class LazyEmbedder:
    """Connects at the first call: a run that has nothing to embed never loads the SDK.

    ``space``: another one than that of the settings and the task of documents.
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: Endpoint,
        stack: AsyncExitStack,
        *,
        space: EmbeddingSpace | None = None,
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._stack = stack
        self._lock = anyio.Lock()
        self._embedder: Embedder | None = None
        self._space = space or EmbeddingSpace(
            endpoint.provider,
            settings.embedding_model,
            settings.embedding_dimensions,
            DOCUMENT_TASK,
        )

    @property
    def space(self) -> EmbeddingSpace:
        return self._space

    async def embed(self, texts: Sequence[str]) -> Answer:
        """As ``Embedder.embed``."""
        embedder = await self._connected()
        with doing("call"):
            return await embedder.embed(texts)

    async def connect(self) -> None:
        """Connect now, if that was not done yet."""
        with doing("connect"):
            await self._connected()

    async def _connected(self) -> Embedder:
        if self._embedder is None:
            async with self._lock:
                if self._embedder is None:
                    self._embedder = await self._connect()
        return self._embedder

    async def _connect(self) -> Embedder:
        gemini = await to_thread.run_sync(_import_gemini)
        base_url = self._endpoint.base_url
        if base_url is None and self._endpoint.provider == SIMULATOR:
            base_url = await self._stack.enter_async_context(run_simulator())
        client = await self._stack.enter_async_context(
            gemini.open_client(self._endpoint.api_key, base_url)
        )
        embedder: Embedder = gemini.GeminiEmbedder(client, self._space, self._settings.call_timeout)
        return embedder


async def load_sdk() -> None:
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


@asynccontextmanager
async def run_simulator() -> AsyncIterator[str]:
    """The built-in simulator as a child process; yields its base URL.

    A process of its own, so that what it burns is not counted as ours. It ends with its
    standard input, so never outlives us.

    Raises:
        ServiceUnavailableError: it did not start.
    """
    process = await anyio.open_process(
        [sys.executable, "-m", "waypoint.simulator", "--port", "0", "--exit-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None,
        start_new_session=True,
        env=child_environment(PYTHONPATH=module_path()),
    )
    try:
        assert process.stdout is not None
        line = b""
        with anyio.move_on_after(SIMULATOR_START_TIMEOUT):
            try:
                while not line.endswith(b"\n"):
                    line += await process.stdout.receive()
            except anyio.EndOfStream:
                line = b""
        if not line.endswith(b"\n"):
            raise ServiceUnavailableError(
                "the built-in simulator did not start", hint="see its output above"
            )
        yield str(orjson.loads(line)["base_url"])
    finally:
        with anyio.CancelScope(shield=True):
            if process.stdin is not None:
                await process.stdin.aclose()
            with anyio.move_on_after(5):
                await process.wait()
            if process.returncode is None:
                process.kill()
            await process.aclose()
