"""What Chroma alone can do: upserts of ready-made rows, and nothing else.

``python -m waypoint.benchmark.bare_chroma`` is a process of its own, so that nothing is shared
with what it is compared with. It goes by chromadb's own client, without Waypoint's adapter, but
with the same index and as many rows a write. With ``--load`` it makes the calls that Waypoint
would make at the same time, and throws their answers away unread.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import anyio
import chromadb
import numpy as np
import orjson

from waypoint.ingestion.pipeline import ORDER_BUFFER
from waypoint.ingestion.runtime import run
from waypoint.ingestion.write import ROWS
from waypoint.models import Vectors
from waypoint.observe.gauges.process import process_use
from waypoint.storage.chroma.child import HOST, run_chroma_child
from waypoint.storage.chroma.limits import OF_A_SERVER
from waypoint.storage.chroma.store import INDEX
from waypoint.storage.lock import StoreLock


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a collection; ``vectors``: shape (rows, dimensions)."""

    ids: list[str]
    texts: list[str]
    metadatas: list[dict[str, Any]]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.ids)

    def parts(self, size: int) -> Iterator[Rows]:
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            columns = self.ids[part], self.texts[part], self.metadatas[part], self.vectors[part]
            yield Rows(*columns)


@asynccontextmanager
async def _client(folder: Path) -> AsyncIterator[Any]:
    """chromadb's client of a private server over a folder."""
    with StoreLock(folder) as lock:
        async with run_chroma_child(folder, folder, lock.descriptor) as child:
            yield await chromadb.AsyncHttpClient(host=HOST, port=child.port)


async def read_rows(store: Path, collection: str) -> Rows:
    """All rows of a collection of an embedded store."""
    async with _client(store) as client:
        found = await client.get_collection(collection, embedding_function=None)
        ids: list[str] = []
        texts: list[str] = []
        metadatas: list[dict[str, Any]] = []
        vectors = []
        include = ["metadatas", "documents", "embeddings"]
        while True:
            page = await found.get(include=include, limit=OF_A_SERVER.vector_page, offset=len(ids))
            ids += page["ids"]
            texts += page["documents"]
            metadatas += page["metadatas"]
            vectors.append(np.asarray(page["embeddings"], dtype=np.float32))
            if len(page["ids"]) < OF_A_SERVER.vector_page:
                break
    return Rows(ids, texts, metadatas, np.concatenate([part for part in vectors if len(part)]))


def keep_rows(rows: Rows, folder: Path) -> None:
    """Write rows to files, for :func:`load_rows`."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "vectors.npy", rows.vectors)
    columns = [rows.ids, rows.texts, rows.metadatas]
    (folder / "rows.json").write_bytes(orjson.dumps(columns))


def load_rows(folder: Path) -> Rows:
    """The rows that :func:`keep_rows` wrote."""
    ids, texts, metadatas = orjson.loads((folder / "rows.json").read_bytes())
    return Rows(ids, texts, metadatas, np.load(folder / "vectors.npy"))


async def write_rows(rows: Rows, load: Load | None) -> dict[str, float]:
    """Upsert into a fresh store; seconds of the upserts alone, and CPU seconds by process."""
    with tempfile.TemporaryDirectory() as folder:
        async with _client(Path(folder)) as client, anyio.create_task_group() as group:
            collection = await client.create_collection(
                "bare", configuration=cast(Any, dict(INDEX)), embedding_function=None
            )
            if load is not None:
                await load.start(group, rows.texts)
            cpu, started = process_use().cpu_seconds, time.monotonic()
            for part in rows.parts(ROWS):
                await collection.upsert(
                    ids=part.ids,
                    embeddings=part.vectors,
                    metadatas=part.metadatas,
                    documents=part.texts,
                )
                if load is not None:
                    load.allow(len(part))
            seconds = time.monotonic() - started
            cpu = process_use().cpu_seconds - cpu
            group.cancel_scope.cancel()
    calls = load.calls if load is not None else 0
    return {"rows": len(rows), "seconds": seconds, "client_cpu": cpu, "calls": calls}


class Load:
    """The calls that a run would make while it writes these rows.

    Like Waypoint's own, they are held back by the store: they run ahead of the writes by what
    the pipeline's streams hold, and by the calls in flight.
    """

    def __init__(self, url: str, model: str, *, concurrency: int, batch: int) -> None:
        self._url = f"{url}/v1beta/models/{model}:batchEmbedContents"
        self._model = f"models/{model}"
        self._concurrency = concurrency
        self._batch = batch
        self._tokens = anyio.Semaphore(0)
        self._credit = 0
        self.calls = 0

    async def start(self, group: anyio.abc.TaskGroup, texts: list[str]) -> None:
        """Begin; the bodies are made ready before the clock runs."""
        starts = range(0, len(texts), self._batch)
        bodies = iter([self._body(texts[start : start + self._batch]) for start in starts])
        self.allow((ORDER_BUFFER + self._concurrency) * self._batch)
        for _ in range(self._concurrency):
            group.start_soon(self._work, bodies)

    def allow(self, rows: int) -> None:
        """Rows were written: there is room for as many more."""
        self._credit += rows
        while self._credit >= self._batch:
            self._credit -= self._batch
            self._tokens.release()

    async def _work(self, bodies: Iterator[bytes]) -> None:
        headers = {
            "x-goog-api-key": "benchmark",
            "content-type": "application/json",
            "accept-encoding": "gzip",
        }
        async with aiohttp.ClientSession(headers=headers, auto_decompress=False) as session:
            for body in bodies:
                await self._tokens.acquire()
                async with session.post(self._url, data=body) as answer:
                    await answer.read()
                self.calls += 1

    def _body(self, texts: list[str]) -> bytes:
        requests = [
            {
                "model": self._model,
                "content": {"parts": [{"text": text}], "role": "user"},
                "taskType": "RETRIEVAL_DOCUMENT",
                "outputDimensionality": 768,
            }
            for text in texts
        ]
        return orjson.dumps({"requests": requests})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m waypoint.benchmark.bare_chroma")
    parser.add_argument("rows", type=Path, help="folder of the kept rows")
    parser.add_argument("--take-from", type=Path, help="keep the rows of this store instead")
    parser.add_argument("--collection", default="", help="of that store")
    parser.add_argument("--load", default="", help="base URL of a simulator to call meanwhile")
    parser.add_argument("--model", default="gemini-embedding-001")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--batch", type=int, default=100)
    options = parser.parse_args()
    if options.take_from is not None:
        keep_rows(run(read_rows, options.take_from, options.collection), options.rows)
        return 0
    load = None
    if options.load:
        load = Load(
            options.load, options.model, concurrency=options.concurrency, batch=options.batch
        )
    print(json.dumps(run(write_rows, load_rows(options.rows), load)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
