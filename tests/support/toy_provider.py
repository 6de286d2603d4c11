"""A provider with a wire format of its own: a line of JSON each way, over a plain socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
import orjson

from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.port import (
    Answer,
    CallRefusedError,
    Embedder,
    Endpoint,
    LateAnswerError,
    QuotaExceededError,
    TransientCallError,
)
from waypoint.embedding.providers.checks import credible_tokens, normalised
from waypoint.embedding.rate_limit import QuotaLimits, QuotaRules
from waypoint.errors import KeyRefusedError, MissingKeyError
from waypoint.models import EmbeddingSpace
from waypoint.settings import QuotaUnit, Settings

MODEL = "toy-1"
MAX_TEXTS = 7
_LINE = 1_000_000


class ToyService:
    """Answers every line with the texts' lengths and letters; ``failures`` come first."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.failures: list[str] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        """Listen; yields the port."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=_LINE)
        async with server:
            yield int(server.sockets[0].getsockname()[1])

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = self._answer(**orjson.loads(await reader.readline()))
        if answer is not None:
            writer.write(orjson.dumps(answer) + b"\n")
        writer.close()

    def _answer(self, key: str, texts: list[str], length: int) -> dict[str, object] | None:
        if key != "open-sesame":
            return {"no": "key"}
        if any("poison" in text for text in texts):
            return {"no": "text"}
        self.calls.append(texts)
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "broken":
            return None
        if failure and failure != "short":
            return {"no": failure}
        vectors = [toy_vector(text, length) for text in texts]
        return {"yes": vectors[: len(vectors) - (failure == "short")], "read": 2 * len(texts)}


def toy_vector(text: str, length: int) -> list[int]:
    """Whole numbers, of any length: the provider brings them to unit length."""
    vector = [1] * length
    for position, letter in enumerate(text):
        vector[(position + ord(letter)) % length] += ord(letter)
    return vector


class ToyEmbedder:
    """A connection for each call."""

    def __init__(self, port: int, key: str, space: EmbeddingSpace) -> None:
        self._port = port
        self._key = key
        self._space = space

    @property
    def space(self) -> EmbeddingSpace:
        return self._space

    async def embed(self, texts: Sequence[str]) -> Answer:
        """As ``Embedder.embed``."""
        asked = {"key": self._key, "texts": list(texts), "length": self._space.dimensions}
        line = b""
        try:
            with anyio.fail_after(10):
                async with await anyio.connect_tcp("127.0.0.1", self._port) as stream:
                    await stream.send(orjson.dumps(asked) + b"\n")
                    while not line.endswith(b"\n"):
                        line += await stream.receive()
        except TimeoutError:
            raise LateAnswerError("no answer within 10 s") from None
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            raise TransientCallError("the line broke") from None
        match orjson.loads(line):
            case {"yes": list(vectors), "read": read}:
                checked = normalised(vectors, texts=len(texts), dimensions=self._space.dimensions)
                return Answer(checked, credible_tokens(read, texts))
            case {"no": "key"}:
                raise KeyRefusedError("the toy refuses the key", hint="say open-sesame")
            case {"no": "text"}:
                raise CallRefusedError("the toy refuses a text", 400)
            case {"no": "quota"}:
                raise QuotaExceededError("too many calls", retry_after=1.0)
            case {"no": "overload"}:
                raise TransientCallError("the toy is busy", 503)
        raise TransientCallError("no answer's form", 200)


class ToyProvider:
    """Counts calls, takes seven texts in each, and costs nothing."""

    name = "toy"
    title = "the toy"
    models = {MODEL: EmbeddingModel(MODEL, 512, 2, 256, 1.0, MAX_TEXTS, 100_000)}  # noqa: RUF012
    bills = False
    has_jobs = False
    quota = QuotaRules(QuotaUnit.CALLS, frozenset({"rpm"}), QuotaLimits(60_000, 0, 0))
    suffix = "_toy"

    def __init__(self, port: int) -> None:
        self._port = port

    async def find(self, settings: Settings) -> Endpoint:
        """As ``Provider.find``."""
        if settings.google_api_key is None:
            raise MissingKeyError("no word is said to the toy", hint="say one")
        key = settings.google_api_key.get_secret_value()
        return Endpoint(self, self.quota, partial(self._open, key))

    @asynccontextmanager
    async def _open(self, key: str, space: EmbeddingSpace) -> AsyncIterator[Embedder]:
        yield ToyEmbedder(self._port, key, space)

    async def preload(self) -> None:
        """Nothing is needed."""
