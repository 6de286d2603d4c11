"""Proxies of the environment: for the service, and never for our own children."""

from __future__ import annotations

import os
from pathlib import Path

import httpx2
import pytest

from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from waypoint.bounded_http import proxies_of_environment
from waypoint.embedding.providers.gemini import open_client
from waypoint.errors import ConfigurationError

DEAD = "http://127.0.0.1:9"


def test_loopback_is_behind_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment lists, which stays as it is."""
    monkeypatch.setenv("ALL_PROXY", DEAD)
    # The spelling in small letters counts before the other.
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intra.example.org")
    before = dict(os.environ)
    proxies = proxies_of_environment()
    assert {pattern for pattern, url in proxies.items() if url is None} == {
        "all://*intra.example.org", "all://127.0.0.1", "all://localhost", "all://[::1]",
    }  # fmt: skip
    assert os.environ == before


@pytest.mark.parametrize(
    ("name", "value", "proxies"),
    [
        ("NO_PROXY", "localhost,127.0.0.1,::1", {}),
        ("NO_PROXY", "fe80::/10,[::1],10.0.0.0/8", {}),
        ("NO_PROXY", "nonsense://[", {}),
        ("HTTPS_PROXY", "proxy.example:3128", {"https://": "http://proxy.example:3128"}),
        ("ALL_PROXY", "https://proxy.example", {"all://": "https://proxy.example"}),
    ],
)
async def test_what_others_understand_is_understood(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, proxies: dict[str, str]
) -> None:
    """Addresses of any kind in NO_PROXY, and a proxy without a scheme."""
    for each in ("NO_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(each, raising=False)
        monkeypatch.delenv(each.lower(), raising=False)
    monkeypatch.setenv(name, value)
    found = proxies_of_environment()
    assert {pattern: url for pattern, url in found.items() if url} == proxies
    async with open_client("key", None):
        pass


def test_a_proxy_of_another_kind_is_told(tmp_path: Path) -> None:
    """Without its address, which may hold a password."""
    workspace = Workspace(tmp_path)
    workspace.use({"ALL_PROXY": "socks5://me:secret@127.0.0.1:1080"})
    refused = workspace.run("--simulate")
    assert refused.code == 2
    assert "not supported: socks5" in refused.stderr
    assert "secret" not in refused.stderr


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "value",
    [
        *("http://me:secret@host:99999", "http://me:secret@host:x", "http://:80", "http://", "//h"),
        *("http://secret host", "http://[", "secret://host", "http://\x01", "::1", "h:80:90"),
        *("http://" + "ü" * 70, "http://h:0", "http://h:-1", "ht tp://secret", " ", "\udcff:3"),
    ],
)
def test_a_proxy_that_is_no_address_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """By the variable's name, not by its value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name.upper()) as told:
        proxies_of_environment()
    assert "secret" not in told.value.message.replace("supported: secret", "")


async def test_the_service_is_called_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is not there is what the call fails at; an exempted host is called directly."""
    monkeypatch.setenv("HTTPS_PROXY", DEAD)
    # The spelling in small letters counts before the other.
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "direct.invalid,.below.invalid,[::1]")
    async with open_client("key", None) as client:
        http_client = client._api_client._async_httpx_client
        assert isinstance(http_client, httpx2.AsyncClient)
        default = http_client._transport
        for host, proxied in (
            ("generativelanguage.googleapis.com", True),
            ("direct.invalid", False),
            ("below.direct.invalid", False),
            ("a.below.invalid", False),
        ):
            transport = http_client._transport_for_url(httpx2.URL(f"https://{host}/"))
            assert (transport is not default) == proxied, host


def test_children_on_loopback_are_reached_past_a_proxy(tmp_path: Path) -> None:
    """A whole run with a dead proxy in its environment."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=2, sections=2)
    workspace.use({"HTTP_PROXY": DEAD, "HTTPS_PROXY": DEAD, "http_proxy": DEAD})
    assert workspace.run("--simulate").code == 0
