"""The monitor's pages: looks only. GET and HEAD, no cookies, nothing from elsewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from waypoint.monitor.feed import Feed
from waypoint.monitor.metrics import registry_of
from waypoint.monitor.view import health_of
from waypoint.observe.gauges.histogram import Histogram
from waypoint.observe.status import RunStatus
from waypoint.sanitize import json_bytes

_PAGE = Path(__file__).with_name("page")
_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/chart.js": ("chart.js", "text/javascript"),
}

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    # Requests that were sent all at once would be answered all at once, read or not.
    "Connection": "close",
}

Answer = Callable[[Request], Response]


class _Guarded:
    """Adds the headers that keep a browser from taking the page for anything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)


def make_app(status: RunStatus, feed: Feed, loop_delay: Histogram, hosts: list[str]) -> Starlette:
    """The web application.

    Args:
        hosts: names under which it may be asked for; ``*`` for any. A page elsewhere whose
            name is made to resolve to this machine (DNS rebinding) would use another.

    Raises:
        OSError: a file of the page cannot be read.
    """
    return Starlette(
        routes=[
            *(Route(path, _file(name, kind)) for path, (name, kind) in _FILES.items()),
            Route("/health", _health(status)),
            Route("/metrics", _metrics(status, loop_delay)),
            Route("/events", _events(feed)),
        ],
        middleware=[
            Middleware(_Guarded),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        ],
    )


def hosts_of(address: str, name: str, more: Sequence[str]) -> list[str]:
    """The names to answer to, for a listener on this address that was given by that name.

    ``more``: those of a proxy before it.
    """
    if ipaddress.ip_address(address).is_loopback:
        return ["127.0.0.1", "localhost", "[::1]", address, name, *more]
    return ["*"]


def _file(name: str, kind: str) -> Answer:
    content = (_PAGE / name).read_bytes()
    return lambda _request: Response(content, media_type=kind)


def _health(status: RunStatus) -> Answer:
    def answer(_request: Request) -> Response:
        return Response(
            json_bytes(health_of(status)),
            status_code=200 if status.now.health.good else 503,
            media_type="application/json",
        )

    return answer


def _metrics(status: RunStatus, loop_delay: Histogram) -> Answer:
    registry = registry_of(status, loop_delay)

    def answer(request: Request) -> Response:
        encoder, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(registry), headers={"Content-Type": kind})

    return answer


def _events(feed: Feed) -> Answer:
    def answer(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return StreamingResponse(feed.listen(), media_type="text/event-stream")

    return answer
