"""Reading a collection as it is: page by page, over plain HTTP, without chromadb's client.

Importing that client takes 0.7 s and more, and it makes a Python float of every value; whoever
only reads needs neither. The paths are those of the v2 API that the 1.x client uses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx2
import numpy as np
import orjson

from waypoint.events import EventBus
from waypoint.models import Vectors
from waypoint.storage.chroma_calls import StoreCalls
from waypoint.storage.chroma_probe import ChromaAddress, connect
from waypoint.storage.chroma_records import CollectionState, Neighbour, StoredRecords

PAGE = 5_000
"""Ids a request: from 32,766 on, Chroma fails with ``too many SQL variables``."""

_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


class CollectionReader:
    """One server, and one of its collections once it is open. Made by :func:`open_reader`.

    All methods raise ``StoreUnavailableError`` for a server that stays away and
    ``StoreDamagedError`` for one that answers but cannot read.
    """

    def __init__(self, client: httpx2.AsyncClient, calls: StoreCalls) -> None:
        self._client = client
        self._calls = calls
        self._path = ""

    async def names(self) -> list[str]:
        """The names of all collections, sorted."""
        found = await self._run("list the collections", "GET", _COLLECTIONS)
        return sorted(str(collection["name"]) for collection in found)

    async def open(self, name: str) -> CollectionState | None:
        """Turn to the collection of that name; None if there is none."""
        path = f"{_COLLECTIONS}/{quote(name, safe='')}"
        collection = await self._run("open the collection", "GET", path, missing=True)
        if collection is None:
            return None
        self._path = f"{_COLLECTIONS}/{collection['id']}"
        count = await self._run("count", "GET", f"{self._path}/count")
        return CollectionState(collection["id"], collection["metadata"] or {}, int(count))

    async def ids(self) -> AsyncIterator[list[str]]:
        """All ids, a page of at most ``PAGE`` at a time."""
        offset = 0
        while True:
            body = {"include": [], "limit": PAGE, "offset": offset}
            page = await self._post("read ids", "get", body)
            ids: list[str] = page["ids"]
            yield ids
            offset += len(ids)
            if len(ids) < PAGE:
                return

    async def records(self, ids: Sequence[str], *, vectors: bool) -> StoredRecords:
        """Those of the records that exist, in any order; at most ``PAGE`` ids."""
        include = ["documents", "metadatas"] + (["embeddings"] if vectors else [])
        page = await self._post("read chunks", "get", {"ids": list(ids), "include": include})
        metadatas = [metadata or {} for metadata in page["metadatas"]]
        rows = _matrix(page["embeddings"]) if vectors else None
        return StoredRecords(page["ids"], page["documents"], metadatas, rows)

    async def vectors(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """Ids of those that exist, with their vectors: shape (ids, dimensions)."""
        page = await self._post(
            "read vectors", "get", {"ids": list(ids), "include": ["embeddings"]}
        )
        return page["ids"], _matrix(page["embeddings"])

    async def nearest(
        self,
        vectors: Vectors,
        top: int,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[Neighbour]]:
        """For each vector, of shape (n, dimensions), the chunks nearest to it, nearest first."""
        body = {
            "query_embeddings": vectors.tolist(),
            "n_results": top,
            "include": ["documents", "metadatas", "distances"],
        }
        if where:
            body["where"] = dict(where)
        found = await self._post("search", "query", body)
        # Of columns without a single result Chroma says null.
        columns = [found[name] or found["ids"] for name in ("documents", "metadatas", "distances")]
        return [
            [
                Neighbour(chunk_id, text or "", metadata or {}, float(distance))
                for chunk_id, text, metadata, distance in zip(*rows, strict=True)
            ]
            for rows in zip(found["ids"], *columns, strict=True)
        ]

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete records; ids that do not exist do no harm. At most ``PAGE`` ids."""
        await self._post("delete chunks", "delete", {"ids": list(ids)})

    # -- calls -----------------------------------------------------------------------------

    async def _post(self, operation: str, action: str, body: Mapping[str, Any]) -> Any:
        content = orjson.dumps(body)
        return await self._run(operation, "POST", f"{self._path}/{action}", content)

    async def _run(
        self,
        operation: str,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        missing: bool = False,
    ) -> Any:
        call = partial(self._answer, method, path, content, missing=missing)
        return await self._calls.run(operation, call)

    async def _answer(self, method: str, path: str, content: bytes | None, *, missing: bool) -> Any:
        headers = {"content-type": "application/json"} if content else None
        response = await self._client.request(method, path, content=content, headers=headers)
        if missing and response.status_code == httpx2.codes.NOT_FOUND:
            return None
        response.raise_for_status()
        return orjson.loads(response.content)


def _matrix(rows: Sequence[Sequence[float] | None]) -> Vectors:
    """A row for each vector; of NaN for one that is missing or unlike the most."""
    try:
        matrix = np.array(rows, dtype=np.float32)
        if matrix.ndim == 2:
            return matrix
    except (ValueError, TypeError):
        pass
    width = max((len(row) for row in rows if row is not None), default=0)
    nothing = np.full(width, np.nan, dtype=np.float32)
    whole = [row if row is not None and len(row) == width else nothing for row in rows]
    return np.array(whole, dtype=np.float32).reshape(len(rows), width)


@asynccontextmanager
async def open_reader(
    host: str,
    port: int,
    events: EventBus,
    *,
    ssl: bool = False,
    revive: Callable[[], Awaitable[bool]] | None = None,
    give_up_after: float = 120.0,
) -> AsyncIterator[CollectionReader]:
    """A connection to a Chroma server, for reading.

    Args:
        revive: starts the server again if it is ours and dead.
        give_up_after: seconds during which a server that went away is tried again.

    Raises:
        StoreUnavailableError: the server cannot be reached.
    """
    async with connect(ChromaAddress(host, port, ssl), ours=revive is not None) as client:
        yield CollectionReader(client, StoreCalls(events, revive, give_up_after))
