"""A model as its server describes it, asked for without the SDK.

A run with nothing to embed never imports the SDK; a server of one's own, at
GOOGLE_GEMINI_BASE_URL, has to be asked all the same whether it is the simulator.
"""

from __future__ import annotations

from typing import Any

import anyio
import httpx2
import orjson

from waypoint.bounded_http import BoundedTransport, open_http_client
from waypoint.embedding.port import TransientCallError

API_VERSION = "v1beta"
"""The SDK's default, v1, has changed before; v1beta is what its documentation shows."""


def is_encrypted(base_url: str) -> bool:
    """Whether certificates are needed there, which take 50 ms to load."""
    return not base_url.lower().startswith("http://")


async def model_card(base_url: str, api_key: str, model: str, *, deadline: float) -> dict[str, Any]:
    """``GET models/<model>``; empty if there is no good answer; ``deadline`` is in seconds.

    Only the SDK's own call tells why there is none: its errors are translated.

    Raises:
        ConfigurationError: a proxy, or the certificates, that the environment names are of no use.
        TransientCallError: nothing came within that time.
    """
    url = f"{base_url.rstrip('/')}/{API_VERSION}/models/{model}"
    try:
        with anyio.fail_after(deadline):
            async with open_http_client(
                BoundedTransport, encrypted=is_encrypted(base_url)
            ) as client:
                answer = await client.get(url, headers={"x-goog-api-key": api_key})
                card = orjson.loads(answer.content) if answer.is_success else {}
    except TimeoutError:
        raise TransientCallError(f"no answer within {deadline:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def names_simulator(display_name: object) -> bool:
    """Whether a server says of its model that it is Waypoint's simulator."""
    return isinstance(display_name, str) and "waypoint simulator" in display_name.lower()
