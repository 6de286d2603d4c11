"""A Chroma server and its collections as such: plain calls of its HTTP API.

The paths are those of the v2 API that the 1.x client uses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast
from urllib.parse import quote

import anyio
import httpx2

from waypoint.bounded_http import ANSWER_BYTES, BoundedTransport, open_http_client
from waypoint.errors import ConfigurationError
from waypoint.models import Metadata, MetadataValue
from waypoint.settings import ChromaAddress
from waypoint.storage.chroma.decode import Described, Identity, read_answer
from waypoint.storage.chroma.limits import OF_A_SERVER, OF_THE_CLOUD, joined
from waypoint.storage.chroma.requests import RemoteCollection
from waypoint.storage.chroma.retry import CALL_TIMEOUT
from waypoint.storage.chroma.service_errors import (
    NO_ACCESS,
    no_access,
    not_connected,
    not_there,
    translate_store_error,
)
from waypoint.storage.passing_names import is_passing
from waypoint.storage.port import UNCOUNTED, CollectionState

_LIST_BYTES = 16 * 1024 * 1024
"""Of the list of all collections, each of which takes one to three kilobytes."""


@asynccontextmanager
async def connect(
    address: ChromaAddress, *, ours: bool = False, create_database: bool = False
) -> AsyncIterator[ChromaProbe]:
    """A server that is there, speaks the v2 API and has the database.

    Args:
        ours: a private server, which told us itself where it listens, is not asked again.
        create_database: make the database if the tenant has none of that name.

    Raises:
        StoreUnavailableError: the server cannot be reached, or refuses access.
        ConfigurationError: there is no such database; the certificates cannot be used.
    """
    try:
        opened = open_http_client(
            BoundedTransport,
            encrypted=address.ssl,
            base_url=address.url,
            headers=address.headers,
            ca_certs=address.ca_certs,
        )
    except httpx2.InvalidURL as error:
        raise not_there(address, str(error)) from error
    async with opened as client:
        yield (
            ChromaProbe(address, client)
            if ours
            else await _look(address, client, create_database=create_database)
        )


async def _look(
    address: ChromaAddress, client: httpx2.AsyncClient, *, create_database: bool
) -> ChromaProbe:
    try:
        with anyio.fail_after(CALL_TIMEOUT):
            strange = _strange(await client.get("/api/v2/heartbeat"))
            if address.cloud and not (strange or (address.tenant and address.database)):
                address = await _identified(address, client)
            probe = ChromaProbe(address, client)
            if not (strange or address.is_default or await probe.has_database()):
                await _settle_database(probe, create=create_database)
    except TimeoutError:
        raise not_there(address, f"no answer within {CALL_TIMEOUT:g} s") from None
    except httpx2.HTTPStatusError as error:
        raise translate_store_error("find the database", error) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise not_connected(address, error) from error
    if strange:
        raise not_there(address, strange)
    return probe


async def _identified(address: ChromaAddress, client: httpx2.AsyncClient) -> ChromaAddress:
    """With the tenant and the database that the key is for.

    Raises:
        ConfigurationError: it is for several, or does not say.
    """
    response = await client.get("/api/v2/auth/identity")
    response.raise_for_status()
    identity = read_answer(response.content, Identity)
    tenant = address.tenant or identity.tenant.strip("*")
    databases = [address.database] if address.database else identity.databases
    if not tenant:
        raise ConfigurationError(
            "CHROMA_TENANT: the key does not say whose it is", hint="set CHROMA_TENANT"
        )
    if len(databases) != 1 or databases == ["*"]:
        named = f" ({', '.join(databases[:10])})" if len(databases) > 1 else ""
        raise ConfigurationError(
            f"CHROMA_DATABASE: the key is for more than one database{named}, or for none",
            hint="set CHROMA_DATABASE to the one that is meant",
        )
    return replace(address, tenant=tenant, database=databases[0])


async def _settle_database(probe: ChromaProbe, *, create: bool) -> None:
    """Make the one that is missing, or say so. A tenant is somebody else's to make."""
    address = probe.address
    if not await probe.has_tenant():
        raise ConfigurationError(
            f"CHROMA_TENANT: the server at {address.host} has no tenant {address.tenant!r}",
            hint="correct CHROMA_TENANT, or have whoever runs the server make it",
        )
    if not create:
        raise ConfigurationError(
            f"CHROMA_DATABASE: tenant {address.tenant!r} has no database {address.database!r}",
            hint="correct CHROMA_DATABASE, or have it made by `waypoint ingest --create-database`",
        )
    await probe.create_database()


def _strange(heartbeat: httpx2.Response) -> str:
    """What is not Chroma's about an answer; empty if it is Chroma's.

    Raises:
        StoreUnavailableError: it wants credentials.
    """
    if heartbeat.status_code in NO_ACCESS:
        raise no_access(heartbeat, "heartbeat")
    if heartbeat.is_redirect:
        return f"HTTP {heartbeat.status_code}: it sends elsewhere; see CHROMA_SSL"
    if b"plain HTTP request was sent to HTTPS" in heartbeat.content:
        return "it wants TLS: set CHROMA_SSL"
    if heartbeat.status_code != httpx2.codes.OK:
        return f"HTTP {heartbeat.status_code}"
    return "" if b"nanosecond heartbeat" in heartbeat.content else "another server does"


class ChromaProbe:
    """A few questions to a server. Raises ``httpx2.HTTPError`` where it does not answer well."""

    def __init__(self, address: ChromaAddress, client: httpx2.AsyncClient) -> None:
        self.address = address
        self._client = client
        self._collections = address.collections_path
        self.limits = OF_THE_CLOUD if address.cloud else OF_A_SERVER

    async def has_tenant(self) -> bool:
        """Whether the server has the address's tenant."""
        return await self._is_there(self.address.tenant_path)

    async def has_database(self) -> bool:
        """Whether the tenant has the address's database."""
        return await self._is_there(self.address.database_path)

    async def _is_there(self, path: str) -> bool:
        response = await self._client.get(path)
        if response.status_code == httpx2.codes.NOT_FOUND:
            return False
        response.raise_for_status()
        return True

    async def create_database(self) -> None:
        """Make the database; no error if there is one by now."""
        path = f"{self.address.tenant_path}/databases"
        response = await self._client.post(path, json={"name": self.address.database})
        if response.status_code != httpx2.codes.CONFLICT:
            response.raise_for_status()

    def collection(self, collection_id: str) -> RemoteCollection:
        """The collection of that id, to be read and written."""
        return RemoteCollection(self._client, f"{self._collections}/{collection_id}")

    async def describe(self, name: str, *, counted: bool = True) -> CollectionState | None:
        """The collection of that name; None if there is none.

        ``counted``: with the number of its records, which Chroma loads the index for.
        """
        response = await self._client.get(f"{self._collections}/{quote(name, safe='')}")
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        response.raise_for_status()
        return await self._state(response, counted=counted)

    async def names(self) -> list[str]:
        """The names of all collections, sorted; none that is only there during a rebuild."""
        response = await self._client.get(self._collections, extensions={ANSWER_BYTES: _LIST_BYTES})
        response.raise_for_status()
        names = (each.name for each in read_answer(response.content, list[Described]))
        return sorted(name for name in names if not is_passing(name))

    async def _state(self, response: httpx2.Response, *, counted: bool = True) -> CollectionState:
        found = read_answer(response.content, Described)
        count = await self.collection(found.id).count() if counted else UNCOUNTED
        metadata = joined(cast(Metadata, found.metadata or {}))
        return CollectionState(found.id, metadata, count)

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
            "metadata": self.limits.divided(metadata),
            "get_or_create": True,
        }
        response = await self._client.post(self._collections, json=body)
        response.raise_for_status()
        return await self._state(response)

    async def drop(self, name: str) -> None:
        """Delete the collection of that name; no error if there is none."""
        response = await self._client.delete(f"{self._collections}/{quote(name, safe='')}")
        if response.status_code != httpx2.codes.NOT_FOUND:
            response.raise_for_status()
