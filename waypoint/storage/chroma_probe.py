"""A Chroma server and its collections as such: plain calls of its HTTP API.

The paths are those of the v2 API that the 1.x client uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from waypoint.models import MetadataValue
from waypoint.storage.chroma_collection import COLLECTIONS, RemoteCollection
from waypoint.storage.chroma_records import CollectionState


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

    def collection(self, collection_id: str) -> RemoteCollection:
        """The collection of that id, to be read and written."""
        return RemoteCollection(self._client, collection_id)

    async def heartbeat(self) -> None:
        """Return if the server is there and speaks the v2 API."""
        response = await self._client.get("/api/v2/heartbeat")
        response.raise_for_status()

    async def describe(self, name: str) -> CollectionState | None:
        """The collection of that name; None if there is none."""
        response = await self._client.get(f"{COLLECTIONS}/{quote(name, safe='')}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        response.raise_for_status()
        return await self._state(response.json())

    async def _state(self, collection: dict[str, Any]) -> CollectionState:
        count = await self._client.get(f"{COLLECTIONS}/{collection['id']}/count")
        count.raise_for_status()
        return CollectionState(collection["id"], collection["metadata"] or {}, int(count.json()))

    async def create(
        self,
        name: str,
        configuration: Mapping[str, object],
        metadata: Mapping[str, MetadataValue],
    ) -> CollectionState:
        """Make the collection, if there is none of that name, and describe it."""
        body = {
            "name": name,
            "configuration": configuration,
            "metadata": metadata,
            "get_or_create": True,
        }
        response = await self._client.post(COLLECTIONS, json=body)
        response.raise_for_status()
        return await self._state(response.json())

    async def drop(self, name: str) -> None:
        """Delete the collection of that name; no error if there is none."""
        response = await self._client.delete(f"{COLLECTIONS}/{quote(name, safe='')}")
        if response.status_code != httpx.codes.NOT_FOUND:
            response.raise_for_status()
