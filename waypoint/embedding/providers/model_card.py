"""A model as its server describes it, asked for without the SDK.

A run with nothing to embed never imports the SDK; a server of one's own, at
GOOGLE_GEMINI_BASE_URL, has to be asked all the same whether it is the simulator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import anyio
import orjson

from waypoint.bounded_http import BoundedTransport, open_http_client
from waypoint.embedding.port import CallError, TransientCallError
from waypoint.embedding.providers.error_answer import ErrorAnswer, described_page
from waypoint.embedding.providers.refusals import CALL_FAILURES, NOT_SERVED, Called, translate
from waypoint.errors import RequestRefusedError

API_VERSION = "v1beta"
"""The SDK's default, v1, has changed before; v1beta is what its documentation shows."""
_VERSION = re.compile(r"/+(v\d+(?:(?:alpha|beta)\d*)?)/*$")


def without_version(base_url: str) -> tuple[str, str]:
    """A server's address as the SDK wants it, and the version of the API to ask for there."""
    if version := _VERSION.search(base_url):
        return base_url[: version.start()], version[1]
    return base_url.rstrip("/"), API_VERSION


def is_encrypted(base_url: str) -> bool:
    """Whether certificates are needed there, which take 50 ms to load."""
    return not base_url.lower().startswith("http://")


async def model_card(
    base_url: str,
    api_key: str,
    called: Called,
    *,
    deadline: float,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """``GET models/<model>``; empty where that is not served: a gateway may only embed.

    Args:
        deadline: seconds.

    Raises:
        ConfigurationError: a proxy, or the certificates, that the environment names are of no use.
        KeyRefusedError, AccountRefusedError, RequestRefusedError: the server refuses the question.
        TransientCallError: it did not answer usefully.
    """
    address, version = without_version(base_url)
    question = f"GET models/{called.model}"
    try:
        with anyio.fail_after(deadline):
            async with open_http_client(
                BoundedTransport, encrypted=is_encrypted(base_url)
            ) as client:
                answer = await client.get(
                    f"{address}/{version}/models/{called.model}",
                    headers={"x-goog-api-key": api_key, **(headers or {})},
                )
        if not answer.is_success:
            raise ErrorAnswer(answer.status_code, answer.reason_phrase, answer.content)
        card = orjson.loads(answer.content)
    except TimeoutError:
        raise TransientCallError(f"no answer within {deadline:g} s") from None
    except orjson.JSONDecodeError:
        said = described_page(answer.content)
        raise TransientCallError(f"{question} got no JSON", 200, said=said) from None
    except CALL_FAILURES as error:
        if isinstance(error, ErrorAnswer) and error.code in NOT_SERVED:
            return {}
        failure = translate(error, called)
        if isinstance(failure, CallError) and not isinstance(failure, TransientCallError):
            raise RequestRefusedError(f"{question}: {failure.reason}") from error
        raise failure from error
    if not isinstance(card, dict):
        raise TransientCallError(f"{question} got JSON that is no object", 200)
    return card


def names_simulator(display_name: object) -> bool:
    """Whether a server says of its model that it is Waypoint's simulator."""
    return isinstance(display_name, str) and "waypoint simulator" in display_name.lower()
