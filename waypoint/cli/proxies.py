"""Proxies named in the environment are for the world, not for our own children."""

from __future__ import annotations

import os

from waypoint.bounded_http import proxies_of_environment

_LOOPBACK = ("127.0.0.1", "localhost")


def spare_loopback() -> None:
    """Add the loopback to NO_PROXY, for every HTTP client in this process.

    chromadb's client reads HTTP_PROXY and takes no other word for it: without this, the
    private Chroma server and the built-in simulator would be looked for behind the proxy.

    Raises:
        ConfigurationError: a proxy is named that no client here can use.
    """
    for name in ("NO_PROXY", "no_proxy"):
        listed = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join([*listed, *(h for h in _LOOPBACK if h not in listed)])
    proxies_of_environment()
