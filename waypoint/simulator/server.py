"""The HTTP of the simulator: routes, the writing of answers, and the faults of a connection.

Every answer carries ``x-waypoint-simulator: 1``. An embedding call is over when its last
byte is in the system's socket buffer; only then is it counted as answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from waypoint.simulator import errors
from waypoint.simulator.batch.routes import batch_routes
from waypoint.simulator.calls import EmbedCall, find_model, parse_call
from waypoint.simulator.errors import Refusal
from waypoint.simulator.faults import Fault
from waypoint.simulator.models import MAX_BODY_BYTES
from waypoint.simulator.quota import SECOND_NS
from waypoint.simulator.responses import (
    HEADERS,
    cut_short,
    json_response,
    key_of,
    send,
    stay_silent,
)
from waypoint.simulator.service import EmbeddingService
from waypoint.simulator.vertex import parse_vertex_call

_Read = Callable[[web.Request], Awaitable[EmbedCall]]

_METHODS = {"embedContent": True, "batchEmbedContents": False}
_REFUSALS = {
    Fault.INTERNAL: errors.internal,
    Fault.UNAVAILABLE: errors.unavailable,
    Fault.DEADLINE: errors.deadline_exceeded,
}
_BODIES = {
    Fault.NOT_JSON: ("text/html; charset=UTF-8", b"<!DOCTYPE html><title>Error</title>\n"),
    Fault.EMPTY_OBJECT: (HEADERS["Content-Type"], b"{}\n"),
}
_CUT_SHORT = frozenset({Fault.RESET_IN_BODY, Fault.TRUNCATED})
_SILENT = frozenset({Fault.RESET_BEFORE_ANSWER, Fault.HANG})


def create_app(service: EmbeddingService) -> web.Application:
    """The application that serves ``service``; run it with ``handler_cancellation=True``."""
    handlers = _Handlers(service)
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.add_routes(
        [
            *batch_routes(service),
            web.post(r"/{version:v1|v1beta}/models/{model:[^:/]+}:{method}", handlers.embed),
            web.get(r"/{version:v1|v1beta}/models/{model:[^:/]+}", handlers.describe),
            web.post(
                r"/v1beta1/projects/{project}/locations/{location}/publishers/google/models/"
                r"{model:[^:/]+}:{method}",
                handlers.embed_for_project,
            ),
            web.post(
                r"/v1beta1/publishers/google/models/{model:[^:/]+}:{method}",
                handlers.embed_in_express_mode,
            ),
            web.post("/token", handlers.token),
            web.get("/_simulator/stats", handlers.stats),
            web.get("/_simulator/texts", handlers.texts),
            web.get("/_simulator/settings", handlers.settings),
            web.post("/_simulator/settings", handlers.configure),
            web.post("/_simulator/reset", handlers.reset),
            web.post("/_simulator/advance", handlers.advance),
        ]
    )
    return app


class _Handlers:
    def __init__(self, service: EmbeddingService) -> None:
        self._service = service

    async def describe(self, request: web.Request) -> web.StreamResponse:
        try:
            self._service.check_key(key_of(request))
            info = request.match_info
            model = find_model(info["model"], info["version"], "getModel")
        except Refusal as refusal:
            return json_response(refusal.body(), refusal.code)
        return json_response(model.resource())

    async def embed(self, request: web.Request) -> web.StreamResponse:
        return await self._counted(request, self._read_call)

    async def embed_for_project(self, request: web.Request) -> web.StreamResponse:
        """A call of Vertex AI, with an access token."""

        async def read(request: web.Request) -> EmbedCall:
            self._service.tokens.check(request.headers.get("Authorization", ""))
            return await self._read_vertex_call(request)

        return await self._counted(request, read)

    async def embed_in_express_mode(self, request: web.Request) -> web.StreamResponse:
        """A call of Vertex AI, with a key."""

        async def read(request: web.Request) -> EmbedCall:
            self._service.check_key(key_of(request))
            return await self._read_vertex_call(request)

        return await self._counted(request, read)

    async def token(self, request: web.Request) -> web.StreamResponse:
        """An access token for a service account's assertion, which is not checked."""
        form = await request.post()
        if not form.get("assertion"):
            return json_response({"error": "invalid_grant", "error_description": "Bad JWT"}, 400)
        settings = self._service.settings
        token = self._service.tokens.issue(settings.token_s)
        told = {"access_token": token, "expires_in": int(settings.token_told_s)}
        return json_response({**told, "token_type": "Bearer"})

    async def _counted(self, request: web.Request, read: _Read) -> web.StreamResponse:
        self._service.stats.call_begins()
        try:
            return await self._embed(request, read)
        finally:
            self._service.stats.call_ends()

    async def stats(self, _request: web.Request) -> web.StreamResponse:
        return json_response(self._service.snapshot())

    async def texts(self, _request: web.Request) -> web.StreamResponse:
        return json_response(self._service.answers_by_text())

    async def settings(self, _request: web.Request) -> web.StreamResponse:
        return json_response(self._service.settings.public())

    async def configure(self, request: web.Request) -> web.StreamResponse:
        try:
            changes = orjson.loads(await request.read())
            self._service.configure(**changes)
        except (TypeError, ValueError) as error:
            return json_response(errors.invalid_argument(str(error)).body(), 400)
        return json_response(self._service.settings.public())

    async def reset(self, _request: web.Request) -> web.StreamResponse:
        self._service.reset()
        return json_response({})

    async def advance(self, request: web.Request) -> web.StreamResponse:
        try:
            seconds = float(orjson.loads(await request.read())["seconds"])
        except (TypeError, ValueError, KeyError):
            return json_response(errors.invalid_argument('not {"seconds": …}').body(), 400)
        self._service.batch_clock.advance(seconds)
        return json_response({})

    async def _embed(self, request: web.Request, read: _Read) -> web.StreamResponse:
        service = self._service
        call: EmbedCall | None = None
        fault: Fault | None = None
        try:
            try:
                call = await read(request)
                if service.settings.arrival_jitter_ms:
                    await asyncio.sleep(service.arrival_delay_s())
                arrival_ns = service.clock()
                fault = service.admit(call, arrival_ns)
                return await self._answer(request, call, fault, arrival_ns)
            except Refusal as refusal:
                response = json_response(refusal.body(), refusal.code)
                await send(request, response)
                service.stats.sent(refusal.code)
                return response
        except (ConnectionError, asyncio.CancelledError):
            if fault is None:
                service.stats.abandoned()
            raise

    async def _read_call(self, request: web.Request) -> EmbedCall:
        """The call in a request; raises Refusal if key, model or body are not in order."""
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise errors.body_too_large(MAX_BODY_BYTES) from error
        self._service.check_key(key_of(request))
        info = request.match_info
        method = info["method"]
        model = find_model(info["model"], info["version"], method)
        single = _METHODS.get(method)
        if single is None:
            raise errors.model_not_found(model.name, info["version"], method)
        return parse_call(body, model, single=single)

    async def _read_vertex_call(self, request: web.Request) -> EmbedCall:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise errors.body_too_large(MAX_BODY_BYTES) from error
        info = request.match_info
        model = find_model(info["model"], "v1beta1", info["method"])
        if info["method"] not in ("predict", "embedContent"):
            raise errors.model_not_found(model.name, "v1beta1", info["method"])
        return parse_vertex_call(body, model, info["method"])

    async def _answer(
        self, request: web.Request, call: EmbedCall, fault: Fault | None, arrival_ns: int
    ) -> web.StreamResponse:
        """Answer an admitted call after its latency, or spoil it as its fault says."""
        service = self._service
        due_ns = arrival_ns + round(service.latency_s(call) * SECOND_NS)
        headers = dict(HEADERS)
        digests: list[bytes] = []
        if fault in _REFUSALS or fault in _SILENT:
            body = b""
        elif fault in _BODIES:
            headers["Content-Type"], body = _BODIES[fault]
        else:
            gzip = "gzip" in request.headers.get("Accept-Encoding", "")
            body, digests = await service.answer(call, fault, gzip=gzip)
            if gzip:
                headers["Content-Encoding"] = "gzip"
        await asyncio.sleep(max(0, due_ns - service.clock()) / SECOND_NS)
        if fault in _REFUSALS:
            raise _REFUSALS[fault]()
        if fault in _SILENT:
            await stay_silent(request, reset=fault is Fault.RESET_BEFORE_ANSWER)
        if fault in _CUT_SHORT:
            await cut_short(request, headers, body, reset=fault is Fault.RESET_IN_BODY)
        response = web.Response(body=body, headers=headers)
        await send(request, response)
        service.stats.sent(200)
        if fault is None:
            service.stats.answered(call, digests, record=service.settings.record_texts)
        return response
