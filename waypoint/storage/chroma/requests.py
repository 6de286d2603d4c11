"""One collection of a Chroma server, over its HTTP API, by the names that chromadb's client uses.

Not by that client: it packs each vector number by number on the event loop (0.08 ms each, 80 ms
for a write of 1,000), checks what we have checked, and takes 1 s of CPU time to import. The
paths and bodies are those that chromadb 1.5.9 sends. All methods raise ``httpx2.HTTPError``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import httpx2
import numpy as np
import orjson
import pybase64
from anyio import to_thread

from waypoint.bounded_http import ANSWER_BYTES, MOST_SAID, UnusableAnswerError
from waypoint.errors import StoreUnavailableError
from waypoint.models import MetadataValue, PackedChunks, Vector, Vectors
from waypoint.storage.chroma.decode import ID_BYTES, ROW_BYTES, Count, Found, Page, read_answer
from waypoint.storage.chroma.decode import MOST_BYTES as MOST_ANSWER_BYTES
from waypoint.storage.port import Neighbour

T = TypeVar("T")

MOST_BYTES = 16 * 1024 * 1024
"""Of one call's body: more than 40 MiB are refused, unless a server is told otherwise."""

MOST_RECORDS = 100_000_000
"""Of a collection, whatever its server says; a hundred times what was tried."""

_LARGE = 100_000
"""Bytes of an answer from which on it is parsed in a thread: a page of 1,000 vectors takes
30 ms."""


class RemoteCollection:
    """A collection by its path.

    Args:
        client: with the server as its base URL.
    """

    def __init__(self, client: httpx2.AsyncClient, path: str) -> None:
        self._client = client
        self._path = path

    async def upsert(self, body: PackedChunks) -> None:
        """Write records, whole: one of the bodies that :func:`packed_records` made."""
        await self._post("upsert", body)

    async def update(self, body: bytes) -> None:
        """Change metadata: one of the bodies that :func:`packed_changes` made."""
        await self._post("update", body)

    async def delete(self, ids: Sequence[str]) -> None:
        await self._post("delete", await to_thread.run_sync(orjson.dumps, {"ids": ids}))

    async def get(
        self,
        ids: Sequence[str] | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        include: Sequence[str] = ("metadatas", "documents"),
    ) -> Page:
        """Records by id or by metadata."""
        question = {"ids": ids, "where": where, "limit": limit, "offset": offset}
        rows = limit or len(ids or ())
        most = rows * (ROW_BYTES if include else ID_BYTES)
        page = await self._ask("get", {**question, "include": include}, Page, most)
        if len(page.ids) > rows:
            raise UnusableAnswerError("more records than were asked for")
        return page

    async def query(
        self,
        query_embeddings: Sequence[Vector],
        *,
        n_results: int,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[Neighbour]]:
        """For each of the vectors the records nearest to it, nearest first."""
        vectors = [np.asarray(vector, dtype=np.float32).tolist() for vector in query_embeddings]
        question = {"query_embeddings": vectors, "n_results": n_results, "where": where}
        include = ("metadatas", "documents", "distances")
        most = len(vectors) * n_results * ROW_BYTES
        found = await self._ask("query", {**question, "include": include}, Found, most)
        if len(found.ids) != len(vectors):
            raise UnusableAnswerError("an answer to other questions")
        return found.neighbours()

    async def count(self) -> int:
        response = await self._client.get(f"{self._path}/count")
        response.raise_for_status()
        return read_answer(response.content, Count)

    async def modify(self, *, metadata: Mapping[str, MetadataValue]) -> None:
        """Replace the collection's own metadata."""
        response = await self._client.put(self._path, json={"new_metadata": dict(metadata)})
        response.raise_for_status()

    async def rename(self, name: str) -> None:
        """Give it another name, which no other collection has."""
        response = await self._client.put(self._path, json={"new_name": name})
        response.raise_for_status()

    async def _ask(
        self, method: str, question: Mapping[str, Any], form: type[T], most_bytes: int
    ) -> T:
        body = await to_thread.run_sync(orjson.dumps, question)
        content = await self._post(method, body, min(most_bytes + MOST_SAID, MOST_ANSWER_BYTES))
        if len(content) < _LARGE:
            return read_answer(content, form)
        return await to_thread.run_sync(read_answer, content, form)

    async def _post(self, method: str, body: bytes, most_bytes: int = MOST_SAID) -> bytes:
        response = await self._client.post(
            f"{self._path}/{method}",
            content=body,
            headers={"content-type": "application/json"},
            extensions={ANSWER_BYTES: most_bytes},
        )
        response.raise_for_status()
        return response.content


async def all_pages(
    get: Callable[[int], Awaitable[Page]], size: int, count: Callable[[], Awaitable[int]]
) -> AsyncIterator[Page]:
    """Pages from an offset on, until one has fewer than ``size`` records.

    ``count`` is asked once more were read than there were: a server that ignores the offset, or
    invents records, would never come to an end.

    Raises:
        StoreUnavailableError: it gives more records than it says there are.
    """
    read = most = 0
    while True:
        page = await get(read)
        yield page
        read += len(page.ids)
        if len(page.ids) < size:
            return
        # What others delete meanwhile was there; what they add comes to less than a page more.
        if read > most:
            most = min(max(most, await count()), MOST_RECORDS)
        if read > most + size:
            raise StoreUnavailableError(
                f"Chroma gave {read:,} records of a collection that has {most:,}",
                hint="see that it is Chroma which answers, and nothing that caches its answers "
                "(CHROMA_HOST, CHROMA_PORT), then run the same command again",
            )


def packed_records(
    ids: Sequence[str],
    embeddings: Vectors,
    metadatas: Sequence[Mapping[str, MetadataValue]],
    documents: Sequence[str],
    most: int,
) -> list[PackedChunks]:
    """Records as the server takes them: a vector as the base64 of its float32, little-endian.

    ``embeddings``: shape (len(ids), dimensions). ``most``: records in one call.
    """
    rows = np.ascontiguousarray(embeddings, dtype="<f4")
    columns = {
        "ids": ids,
        "embeddings": [pybase64.b64encode_as_string(row) for row in rows],
        "metadatas": metadatas,
        "documents": documents,
    }
    return [PackedChunks(body) for body in _bodies(columns, most)]


def packed_changes(
    ids: Sequence[str], metadatas: Sequence[Mapping[str, MetadataValue | None]], most: int
) -> list[bytes]:
    """Changes of metadata as the server takes them; a value of None removes its key."""
    return _bodies({"ids": ids, "metadatas": metadatas}, most)


def _bodies(columns: Mapping[str, Sequence[Any]], most: int) -> list[bytes]:
    """Columns of the same length as JSON; in halves, as often as they are too much for one call."""
    body, rows = orjson.dumps(columns), len(columns["ids"])
    if rows == 1 or (rows <= most and len(body) <= MOST_BYTES):
        return [body]
    halves = slice(rows // 2), slice(rows // 2, rows)
    parts = [{name: column[half] for name, column in columns.items()} for half in halves]
    return [body for part in parts for body in _bodies(part, most)]
