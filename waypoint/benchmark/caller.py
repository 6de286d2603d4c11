"""Makes calls and tells their CPU time: ``python -m waypoint.benchmark.caller``.

A process of its own for each way, so that nothing of one is loaded in the other. The first calls
are not counted: they build what the SDK keeps.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from random import Random

from waypoint.ingestion.runtime import run
from waypoint.models import EmbeddingSpace

_MODEL, _DIMENSIONS, _TASK = "gemini-embedding-001", 768, "RETRIEVAL_DOCUMENT"
_KEY = "benchmark"
_UNCOUNTED = 3
_LETTERS = "etaoinshrdlucmfwypvbgk     "

Call = Callable[[], Awaitable[int]]
"""Makes one call and returns how many vectors it brought."""


def texts_of(count: int, characters: int) -> list[str]:
    """Texts of that many characters, no two of them alike."""
    random = Random(0)  # noqa: S311
    return ["".join(random.choices(_LETTERS, k=characters)) for _ in range(count)]


async def by_waypoint(url: str, texts: list[str], calls: int) -> float:
    """CPU milliseconds of a call by Waypoint's adapter."""
    from waypoint.embedding.providers.gemini import GeminiEmbedder, open_client

    space = EmbeddingSpace("simulator", _MODEL, _DIMENSIONS, _TASK)
    async with open_client(_KEY, url) as client:
        embedder = GeminiEmbedder(client, space, timeout=60.0)

        async def call() -> int:
            return len((await embedder.embed(texts)).vectors)

        return await _cpu_ms(call, len(texts), calls)


async def by_sdk(url: str, texts: list[str], calls: int, *, httpx2: bool) -> float:
    """CPU milliseconds of a call by the SDK's own means, its answer as its own objects."""
    from google import genai
    from google.genai import types

    options = types.HttpOptions(base_url=url)
    if httpx2:
        from httpx2 import AsyncClient

        options.httpx_async_client = AsyncClient(timeout=None)
    async with genai.Client(api_key=_KEY, vertexai=False, http_options=options).aio as client:
        config = types.EmbedContentConfig(output_dimensionality=_DIMENSIONS, task_type=_TASK)
        contents: list[types.PartUnion] = [*texts]

        async def call() -> int:
            answer = await client.models.embed_content(
                model=_MODEL, contents=contents, config=config
            )
            return len(answer.embeddings or ())

        return await _cpu_ms(call, len(texts), calls)


async def _cpu_ms(call: Call, texts: int, calls: int) -> float:
    for _ in range(_UNCOUNTED):
        if await call() != texts:
            raise RuntimeError("an answer has not one vector for each text")
    started = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - started) / calls * 1000


def main(arguments: list[str]) -> int:
    way, url, *sizes = arguments
    calls, batch, characters = map(int, sizes)
    texts = texts_of(batch, characters)
    if way == "waypoint":
        cpu_ms = run(by_waypoint, url, texts, calls)
    else:
        # On asyncio's own loop, as in a script of anybody's.
        cpu_ms = asyncio.run(by_sdk(url, texts, calls, httpx2=way == "sdk-httpx2"))
    print(json.dumps({"cpu_ms": cpu_ms}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
