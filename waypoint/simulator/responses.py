"""Answers on their way out, whole or spoilt: what all handlers of the simulator share."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import NoReturn

import orjson
from aiohttp import web

HEADERS = {
    "Content-Type": "application/json; charset=UTF-8",
    "Vary": "Origin, X-Origin, Referer",
    "Server": "waypoint-simulator",
    "x-waypoint-simulator": "1",
}


def key_of(request: web.Request) -> str:
    return request.headers.get("x-goog-api-key") or request.query.get("key", "")


def json_response(body: object, status: int = 200) -> web.Response:
    data = orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=data, status=status, headers=HEADERS)


async def send(request: web.Request, response: web.Response) -> None:
    """Write a response until the system has taken its last byte.

    Raises:
        ConnectionError: the client left before.
    """
    _pause_when_anything_is_buffered(request)
    await response.prepare(request)
    await response.write_eof()
    await request.writer.drain()


async def cut_short(
    request: web.Request, headers: Mapping[str, str], body: bytes, *, reset: bool
) -> NoReturn:
    """Promise the whole body, send half of it, and end the connection."""
    _pause_when_anything_is_buffered(request)
    response = web.StreamResponse(headers={**headers, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    await request.writer.drain()
    transport = transport_of(request)
    if reset:
        end_by_reset(transport)
    else:
        transport.close()
    await _until_disconnected()


async def stay_silent(request: web.Request, *, reset: bool) -> NoReturn:
    if reset:
        end_by_reset(transport_of(request))
    await _until_disconnected()


async def _until_disconnected() -> NoReturn:
    """Wait for the cancellation by which the end of a connection reaches its handler."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("a future that nobody holds was resolved")


def end_by_reset(transport: asyncio.Transport) -> None:
    """Close with a TCP RST, which only a socket that must not linger sends."""
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _pause_when_anything_is_buffered(request: web.Request) -> None:
    """Make ``drain`` wait for an empty buffer, not for one below the usual 64 KiB."""
    transport_of(request).set_write_buffer_limits(high=0)


def transport_of(request: web.Request) -> asyncio.Transport:
    if request.transport is None:
        raise ConnectionResetError("the client left")
    return request.transport
