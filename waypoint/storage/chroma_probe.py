"""What is asked of Chroma before its client is worth loading: plain calls of its HTTP API.

The paths are those of the v2 API that the 1.x client uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import httpx

from waypoint.storage.chroma_records import CollectionState

_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


@dataclass(frozen=True, slots=True)
class ChromaAddress:
    """Where a Chroma server listens."""

    host: str
    port: int
    ssl: bool = False

    @property
    def url(self) -> str:
        return f"{'https' if self.ssl else 'http'}://{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class ChromaProbe:
    """A few questions to a server. Raises ``httpx.HTTPError`` where it does not answer well."""

    def __init__(self, address: ChromaAddress, client: httpx.AsyncClient) -> None:
        self.address = address
        self._client = client

    async def heartbeat(self) -> None:
        """Return if the server is there and speaks the v2 API."""
        response = await self._client.get("/api/v2/heartbeat")
        response.raise_for_status()

    async def describe(self, name: str) -> CollectionState | None:
        """The collection of that name; None if there is none."""
        response = await self._client.get(f"{_COLLECTIONS}/{quote(name, safe='')}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        response.raise_for_status()
        collection = response.json()
        count = await self._client.get(f"{_COLLECTIONS}/{collection['id']}/count")
        count.raise_for_status()
        return CollectionState(collection["id"], collection["metadata"] or {}, int(count.json()))

    async def drop(self, name: str) -> None:
        """Delete the collection of that name; no error if there is none."""
        response = await self._client.delete(f"{_COLLECTIONS}/{quote(name, safe='')}")
        if response.status_code != httpx.codes.NOT_FOUND:
            response.raise_for_status()
