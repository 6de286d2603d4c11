"""The proxies that the environment names, as httpx2 understands them."""

from __future__ import annotations

# Private, so httpx2 is pinned and a test holds it to what is expected: NO_PROXY has more forms
# than one would think, and our clients must agree with each other about them.
from httpx2._utils import get_environment_proxies

from waypoint.errors import ConfigurationError

_SPOKEN = ("http", "https")


def proxies_of_environment() -> dict[str, str | None]:
    """By a pattern of addresses the proxy for them; None for none.

    Raises:
        ConfigurationError: a proxy of another kind than HTTP.
    """
    proxies: dict[str, str | None] = get_environment_proxies()
    for url in proxies.values():
        scheme = (url or "http://").partition("://")[0].lower()
        if scheme not in _SPOKEN:
            # The address is not told: it may hold a password.
            raise ConfigurationError(
                f"a proxy of the environment is of a kind that is not supported: {scheme}",
                hint="name one that speaks HTTP in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, unset "
                "them, or list the hosts that need none in NO_PROXY",
            )
    return proxies
