"""A Chroma server that wants credentials, behind nginx: TLS, a path, a tenant, a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from tests.support.background_simulator import background_simulator
from tests.support.chroma_servers import chroma_command
from tests.support.collection import assert_holds, chunks_of, read_from
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.secured_chroma import SecuredChroma, needs_nginx, secured
from tests.support.vector_stores import SIMULATED, chunk, write
from waypoint.errors import ConfigurationError, StoreUnavailableError, WaypointError
from waypoint.observe.events import EventBus
from waypoint.settings import load_settings
from waypoint.storage.chroma.store import ChromaStore, open_chroma

pytestmark = needs_nginx

KEY = "a-key-of-chroma-0123456789"
PASSWORD = "dGVsbC1ub2JvZHk6dGhpcw"
WANTED = {"x-chroma-token": KEY, "Authorization": f"Basic {PASSWORD}"}
CREDENTIALS = {"CHROMA_API_KEY": KEY, "CHROMA_HEADERS": f"Authorization: Basic {PASSWORD}"}
DATABASE = {"CHROMA_TENANT": "acme corp", "CHROMA_DATABASE": "sales"}


@contextmanager
def door(folder: Path) -> Iterator[tuple[SecuredChroma, str]]:
    """It, and the address of the server behind it, which has a tenant of its own."""
    with chroma_command(folder / "chroma") as chroma:
        url = f"http://127.0.0.1:{chroma}"
        made = httpx2.post(f"{url}/api/v2/tenants", json={"name": DATABASE["CHROMA_TENANT"]})
        made.raise_for_status()
        with secured(chroma, folder / "nginx", wanted=WANTED) as server:
            yield server, url


def test_every_command_gets_in(tmp_path: Path) -> None:
    """With key, headers, certificates and path; the database is made when that is asked for."""
    workspace = Workspace(tmp_path / "work")
    write_corpus(workspace.knowledge_base, documents=2, sections=3)
    with door(tmp_path) as (server, chroma), background_simulator() as simulator:
        workspace.use({**simulator.environment, **server.environment, **CREDENTIALS, **DATABASE})
        outcomes = [workspace.run("--create-database", "--verbose")]
        outcomes += [
            workspace.run(entry=("-m", "waypoint", command)) for command in ("verify", "status")
        ]
        path = "/api/v2/tenants/acme%20corp/databases/sales/collections"
        collection = anyio.run(lambda: read_from(chroma, collections=path))
    assert [outcome.code for outcome in outcomes] == [0, 0, 0], outcomes
    assert_holds(collection, chunks_of(workspace.knowledge_base))
    assert "localhost" in outcomes[-1].stdout
    assert "database 'sales' of tenant 'acme corp'" in outcomes[-1].stdout
    told = "".join(outcome.stderr + outcome.stdout for outcome in outcomes)
    told += "".join(path.read_text() for path in workspace.logs.glob("*.json*"))
    assert KEY not in told
    assert PASSWORD not in told
    assert set(server.statuses()) == {200, 404}


def opened(
    settings: Mapping[str, Any], *, create: bool = False
) -> AbstractAsyncContextManager[ChromaStore]:
    """A connection by these settings."""
    address = load_settings(**settings).store.server
    assert address is not None
    return open_chroma(address, EventBus(), create_database=create)


async def failure(create: bool = False, **settings: Any) -> WaypointError:
    """How a connection with these settings fails."""
    with pytest.raises(WaypointError) as caught:
        async with opened(settings, create=create):
            pass
    assert KEY not in f"{caught.value!r}{caught.value.hint}"
    return caught.value


async def test_who_is_not_let_in_is_told_why(tmp_path: Path) -> None:
    """By the name of the setting that mends it."""
    with door(tmp_path) as (server, _):
        right: dict[str, Any] = {
            name.lower(): value
            for name, value in {**server.environment, **CREDENTIALS, **DATABASE}.items()
        }

        refused = await failure(**{**right, "chroma_api_key": None})
        assert isinstance(refused, StoreUnavailableError)
        assert "HTTP 401" in refused.message
        assert "CHROMA_API_KEY" in refused.hint

        unknown = await failure(**{**right, "chroma_ca_certs": None})
        assert "is not trusted" in unknown.message
        assert "CHROMA_CA_CERTS" in unknown.hint

        another = await failure(**{**right, "chroma_host": "127.0.0.1"})
        assert "IP address mismatch" in another.message

        empty = tmp_path / "empty.pem"
        empty.touch()
        useless = await failure(**{**right, "chroma_ca_certs": empty})
        assert isinstance(useless, ConfigurationError)
        assert str(empty) in useless.message

        plain = await failure(**{**right, "chroma_ssl": False})
        assert "set CHROMA_SSL" in plain.message

        elsewhere = await failure(**{**right, "chroma_url_prefix": "/elsewhere"})
        assert "HTTP 404" in elsewhere.message

        missing = await failure(**right)
        assert isinstance(missing, ConfigurationError)
        assert "no database 'sales'" in missing.message
        assert "--create-database" in missing.hint

        for create in (False, True):
            stranger = await failure(create, **{**right, "chroma_tenant": "nobody"})
            assert isinstance(stranger, ConfigurationError)
            assert "no tenant 'nobody'" in stranger.message

        impossible = await failure(True, **{**right, "chroma_database": "x"})
        assert "database name must be at least 3 characters" in impossible.message

        async with opened(right, create=True) as store:
            assert await store.names() == []
        # By now there is one.
        async with opened(right, create=True) as store:
            assert await store.names() == []


def test_secrets_that_travel_in_the_open_are_told() -> None:
    """To any machine but this one."""
    for host, shown in (("chroma.example", True), ("localhost", False), ("::1", False)):
        for ssl in (False, True):
            given = load_settings(chroma_host=host, chroma_api_key=KEY, chroma_ssl=ssl)
            assert given.store.server is not None
            assert given.store.server.shows_secrets == (shown and not ssl)


async def test_a_proxy_that_takes_less_than_a_write_is_told(tmp_path: Path) -> None:
    """At once: nginx takes 1 MB unless it is told otherwise, and no repetition mends that."""
    with (
        chroma_command(tmp_path / "chroma") as chroma,
        secured(chroma, tmp_path / "nginx", wanted={}, most="1k") as server,
    ):
        settings: dict[str, Any] = {
            name.lower(): value for name, value in server.environment.items()
        }
        async with opened(settings) as store:
            await store.create("a-collection", SIMULATED, {"schema": 1})
            with pytest.raises(StoreUnavailableError, match="does not take") as caught:
                await write(store, *(chunk(number) for number in range(20)))
    assert "client_max_body_size" in caught.value.hint
