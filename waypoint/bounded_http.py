"""HTTP clients that take no more of an answer than their caller has use for.

A server may be anything: a proxy's page, a program gone mad, somebody who means harm. Two
megabytes of gzip unpack to ten gigabytes, and a body may never end. So the transport reads the
body itself, up to a size, unpacks it up to a size, off the event loop, and hands the client what
came out, without a header of the server's. How long it may take, each caller bounds as a whole.
"""

from __future__ import annotations

import io
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx2
from anyio import to_thread

# Private, so httpx2 is pinned and a test holds it to what is expected: NO_PROXY has more forms
# than one would think, and our clients must agree with each other about them.
from httpx2._utils import URLPattern, get_environment_proxies
from isal import igzip, igzip_lib

from waypoint.errors import ConfigurationError

_LOOPBACK: dict[str, str | None] = dict.fromkeys(
    ("all://127.0.0.1", "all://localhost", "all://[::1]")
)
"""The private Chroma server and the built-in simulator are behind no proxy."""

ACCEPTED_ENCODING = "gzip"
"""The request's Accept-Encoding: what is unpacked here."""

MOST_SAID = 1024 * 1024
"""Bytes of an error's body, which is cut there, and of an answer whose request names no size."""

ANSWER_BYTES = "answer_bytes"
"""The extension of a request that says how many bytes its answer may have, packed or not."""

_ISAL_ERROR: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]


class UnusableAnswerError(httpx2.DecodingError):
    """An answer with status 200 that cannot be unpacked, or is not what was asked for."""


class TooLargeAnswerError(UnusableAnswerError):
    """An answer of more than there can be to say."""


@dataclass(frozen=True, slots=True)
class AnswerBody:
    """What came over the wire."""

    data: bytes
    encoding: str
    """Its Content-Encoding, in small letters; empty for none."""

    def unpacked(self, most: int) -> bytes:
        """The body itself. Takes time: made to run in a thread.

        Raises:
            UnusableAnswerError: it has more than ``most`` bytes, or cannot be unpacked.
        """
        if self.encoding in ("", "identity"):
            return self.data
        if self.encoding != ACCEPTED_ENCODING:
            raise UnusableAnswerError(f"answer packed by {self.encoding[:20]!r}, not by gzip")
        try:
            file = igzip.IGzipFile(fileobj=io.BytesIO(self.data))  # type: ignore[no-untyped-call]
            with file:
                data: bytes = file.read(most + 1)
        except (OSError, EOFError, _ISAL_ERROR):
            raise UnusableAnswerError("answer that cannot be unpacked") from None
        if len(data) > most:
            raise _too_large(most)
        return data


async def receive(response: httpx2.Response, most: int, *, cut: bool = False) -> AnswerBody:
    """The body as it comes, and the end of the response.

    Raises:
        UnusableAnswerError: it has more than ``most`` bytes; with ``cut``, the rest is left.
        httpx2.TransportError: the line broke.
    """
    data = bytearray()
    try:
        async for part in response.aiter_raw():
            data += part
            if len(data) > most:
                if not cut:
                    raise _too_large(most)
                del data[most:]
                break
    finally:
        await response.aclose()
    encoding = response.headers.get("content-encoding", "").strip().lower()
    return AnswerBody(bytes(data), encoding)


def _too_large(most: int) -> TooLargeAnswerError:
    return TooLargeAnswerError(f"an answer of more than {most:,} bytes")


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """Reads and unpacks every answer within bounds. An error's status counts whatever its body."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        response.request = request
        return await self._taken(request, response)

    async def _taken(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        good = response.status_code == httpx2.codes.OK
        most = request.extensions.get(ANSWER_BYTES, MOST_SAID) if good else MOST_SAID
        body = await receive(response, most, cut=not good)
        try:
            content = body.data
            if body.encoding:
                content = await to_thread.run_sync(body.unpacked, most)
        except UnusableAnswerError:
            if good:
                raise
            content = b""
        return answer_of(request, response, content)


def answer_of(
    request: httpx2.Request, response: httpx2.Response, content: bytes
) -> httpx2.Response:
    """An answer of the same status, whole: without cookies, and with nothing left to unpack."""
    headers = {"content-type": "application/json"}
    return httpx2.Response(response.status_code, headers=headers, content=content, request=request)


Transport = TypeVar("Transport", bound=BoundedTransport)


def open_http_client(
    transport: type[Transport],
    *,
    encrypted: bool,
    base_url: str = "",
    timeout: float | None = None,
    headers: Mapping[str, str] | None = None,
    ca_certs: Path | None = None,
) -> httpx2.AsyncClient:
    """A client over that transport, through the environment's proxies.

    Args:
        encrypted: whether certificates are needed, which take 50 ms to load.
        timeout: seconds that may pass without a byte; None for any time.
        headers: of every call.
        ca_certs: as for ``certificates``.

    Raises:
        ConfigurationError: a proxy, or the certificates, that the environment names are of no use.
    """
    verify = certificates(encrypted=encrypted, ca_certs=ca_certs)

    def made(proxy: str | None = None) -> Transport:
        no_limit = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        return transport(verify=verify, limits=no_limit, proxy=proxy)

    return httpx2.AsyncClient(
        transport=made(),
        # httpx2 heeds the environment's proxies only on transports of its own.
        mounts={
            pattern: None if url is None else made(url)
            for pattern, url in proxies_of_environment().items()
        },
        base_url=base_url,
        headers={"accept-encoding": ACCEPTED_ENCODING, **(headers or {})},
        timeout=timeout,
    )


def certificates(*, encrypted: bool, ca_certs: Path | None = None) -> ssl.SSLContext:
    """Those that are trusted; where nothing is encrypted, one that trusts nobody is enough.

    ``ca_certs``: a file, or a folder, of those to trust in place of the usual ones.

    Raises:
        ConfigurationError: ``ca_certs``, SSL_CERT_FILE, SSL_CERT_DIR or SSLKEYLOGFILE cannot be
            used.
    """
    if not encrypted:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca_certs is not None:
            return _trusting(ca_certs)
        return httpx2.create_ssl_context()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the certificates of the environment cannot be loaded: {error}",
            hint="correct SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE, or unset them",
        ) from error


def _trusting(ca_certs: Path) -> ssl.SSLContext:
    """Raises ConfigurationError; of the environment, OSError and ValueError."""
    try:
        if ca_certs.is_dir():
            if not any(ca_certs.iterdir()):
                raise OSError("the folder is empty")  # noqa: TRY301 - told as all others are
            return ssl.create_default_context(capath=ca_certs)
        ca_certs.read_bytes()
        return ssl.create_default_context(cafile=ca_certs)
    except OSError as error:
        raise ConfigurationError(
            f"CHROMA_CA_CERTS: {ca_certs} holds no certificates that can be loaded: "
            f"{error.strerror or error}",
            hint="name a file of certificates in PEM form, or a folder of such files as "
            "`openssl rehash` makes it",
        ) from error


def proxies_of_environment() -> dict[str, str | None]:
    """By a pattern of addresses the proxy for them; None for none, as for the loopback.

    Raises:
        ConfigurationError: a proxy of another kind than HTTP, or what is no address. The value is
            not told: it may hold a password.
    """
    name, problem = "NO_PROXY", ""
    try:
        proxies: dict[str, str | None] = get_environment_proxies()
        for pattern, url in proxies.items():
            name = "NO_PROXY" if url is None else f"{pattern.partition(':')[0].upper()}_PROXY"
            problem = _problem(url or "http://host")
            if problem:
                break
            URLPattern(pattern)
    except (httpx2.InvalidURL, ValueError):
        problem = _NO_ADDRESS
    if problem:
        raise ConfigurationError(
            f"{name} of the environment {problem}",
            hint="name a proxy that speaks HTTP in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, unset "
            "them, or list the hosts that need none in NO_PROXY",
        )
    return proxies | _LOOPBACK


_NO_ADDRESS = "is not an address"


def _problem(proxy: str) -> str:
    """What is wrong with a proxy's address. Raises httpx2.InvalidURL, ValueError."""
    url = httpx2.URL(proxy)
    if url.scheme not in ("http", "https"):
        return f"is of a kind that is not supported: {url.scheme}"
    host, port = url.raw_host, url.port
    if not host or b"%" in host or not (port is None or 0 < port < 2**16):
        return _NO_ADDRESS
    return ""
