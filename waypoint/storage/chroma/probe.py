"""A Chroma server and its collections as such: plain calls of its HTTP API.

The paths are those of the v2 API that the 1.x client uses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

import anyio
import httpx2

from waypoint.bounded_http import ANSWER_BYTES, BoundedTransport, open_http_client
from waypoint.errors import StoreUnavailableError
from waypoint.models import Metadata, MetadataValue
from waypoint.storage.chroma.decode import Described, read_answer
from waypoint.storage.chroma.requests import COLLECTIONS, RemoteCollection
from waypoint.storage.chroma.retry import CALL_TIMEOUT
from waypoint.storage.chroma.service_errors import NO_ACCESS, no_access
from waypoint.storage.passing_names import is_passing
from waypoint.storage.port import UNCOUNTED, CollectionState

_LIST_BYTES = 16 * 1024 * 1024
"""Of the list of all collections, each of which takes one to three kilobytes."""


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


@asynccontextmanager
async def connect(
    address: ChromaAddress, *, ours: bool = False
) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client for a server that is there and speaks the v2 API.

    Args:
        ours: a private server, which told us itself where it listens, is not asked again.

    Raises:
        StoreUnavailableError: the server cannot be reached.
    """
    try:
        opened = open_http_client(BoundedTransport, encrypted=address.ssl, base_url=address.url)
    except httpx2.InvalidURL as error:
        raise _not_there(address, str(error)) from error
    async with opened as client:
        if not ours:
            await _look(address, client)
        yield client


async def _look(address: ChromaAddress, client: httpx2.AsyncClient) -> None:
    try:
        with anyio.fail_after(CALL_TIMEOUT):
            strange = _strange(await client.get("/api/v2/heartbeat"))
    except TimeoutError:
        raise _not_there(address, f"no answer within {CALL_TIMEOUT:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _not_there(address, type(error).__name__) from error
    if strange:
        raise _not_there(address, strange)


def _strange(heartbeat: httpx2.Response) -> str:
    """What is not Chroma's about an answer; empty if it is Chroma's.

    Raises:
        StoreUnavailableError: it wants credentials.
    """
    if heartbeat.status_code in NO_ACCESS:
        raise no_access(heartbeat.status_code, "heartbeat")
    if heartbeat.status_code != httpx2.codes.OK:
        return f"HTTP {heartbeat.status_code}"
    return "" if b"nanosecond heartbeat" in heartbeat.content else "another server does"


def _not_there(address: ChromaAddress, reason: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"no Chroma server answers at {address} ({reason})",
        hint="start it (`chroma run`), correct CHROMA_HOST and CHROMA_PORT, or unset "
        "CHROMA_HOST to use the embedded store",
    )


class ChromaProbe:
    """A few questions to a server. Raises ``httpx2.HTTPError`` where it does not answer well."""

    def __init__(self, address: ChromaAddress, client: httpx2.AsyncClient) -> None:
        self.address = address
        self._client = client

    def collection(self, collection_id: str) -> RemoteCollection:
        """The collection of that id, to be read and written."""
        return RemoteCollection(self._client, collection_id)

    async def describe(self, name: str, *, counted: bool = True) -> CollectionState | None:
        """The collection of that name; None if there is none.

        ``counted``: with the number of its records, which Chroma loads the index for.
        """
        response = await self._client.get(f"{COLLECTIONS}/{quote(name, safe='')}")
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        response.raise_for_status()
        return await self._state(response, counted=counted)

    async def names(self) -> list[str]:
        """The names of all collections, sorted; none that is only there during a rebuild."""
        response = await self._client.get(COLLECTIONS, extensions={ANSWER_BYTES: _LIST_BYTES})
        response.raise_for_status()
        names = (each.name for each in read_answer(response.content, list[Described]))
        return sorted(name for name in names if not is_passing(name))

    async def _state(self, response: httpx2.Response, *, counted: bool = True) -> CollectionState:
        found = read_answer(response.content, Described)
        count = await self.collection(found.id).count() if counted else UNCOUNTED
        return CollectionState(found.id, cast(Metadata, found.metadata or {}), count)

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
        return await self._state(response)

    async def drop(self, name: str) -> None:
        """Delete the collection of that name; no error if there is none."""
        response = await self._client.delete(f"{COLLECTIONS}/{quote(name, safe='')}")
        if response.status_code != httpx2.codes.NOT_FOUND:
            response.raise_for_status()
