"""Chroma Cloud as far as it can be had here: a real server, behind what the Cloud would refuse.

It is reached as the Cloud is, by its own name and TLS, through a proxy: what a command needs for
that is HTTPS_PROXY and a certificate. The quotas are those of the Cloud's documentation.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2

from tests.support.secured_chroma import make_certificates

HOST = "api.trychroma.com"
KEY = "ck-not-a-real-key-0123456789"
TENANT, DATABASE = "0a1b2c3d-tenant", "production"
COLLECTIONS = f"/api/v2/tenants/{TENANT}/databases/{DATABASE}/collections"


@dataclass(slots=True)
class ChromaCloud:
    """What was asked of it."""

    port: int
    ca: Path
    databases: list[str] = field(default_factory=lambda: [DATABASE])
    latency: float = 0.0
    """Seconds before each answer."""
    overloaded: int = 0
    """How many of the next writes are answered with 429."""
    refusals: list[str] = field(default_factory=list)
    """Why calls were refused for a quota, in order."""
    writes: list[int] = field(default_factory=list)
    """Records of each write that was taken."""
    most_writes_at_once: int = 0
    _writing: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a command use it."""
        return {
            "CHROMA_API_KEY": KEY,
            "CHROMA_CA_CERTS": str(self.ca),
            "HTTPS_PROXY": f"http://127.0.0.1:{self.port}",
        }

    def refusal(self, path: str, body: Any) -> str:
        """Why the Cloud would refuse a call; empty if it would not."""
        call = path.rpartition("/")[2]
        if call in ("upsert", "update", "delete", "add"):
            return _refused_write(body)
        if call == "get":
            ids, limit = body.get("ids"), body.get("limit")
            asked = limit if limit is not None else len(ids) if ids is not None else 10**9
            return _over("results", asked, 300)
        if call == "query":
            where = (body.get("where") or {}).get("$and", ())
            return _over("results", body["n_results"], 300) or _over("predicates", len(where), 8)
        metadata = body.get("metadata") or body.get("new_metadata") if body else None
        return _refused_collection(metadata or {}, (body or {}).get("configuration") or {})

    @contextmanager
    def write(self, path: str) -> Iterator[None]:
        """One that is under way, if the path is that of one."""
        is_one = path.endswith(("/upsert", "/update", "/delete"))
        with self._lock:
            self._writing += is_one
            self.most_writes_at_once = max(self.most_writes_at_once, self._writing)
        try:
            yield
        finally:
            with self._lock:
                self._writing -= is_one


def _over(what: str, number: int, most: int) -> str:
    return f"{what}: {number} exceeds the limit of {most}" if number > most else ""


def _refused_write(body: Mapping[str, Any]) -> str:
    reasons = [_over("records per write", len(body["ids"]), 300)]
    reasons += [_over("id bytes", len(each.encode()), 128) for each in body["ids"]]
    documents, metadatas = body.get("documents") or (), body.get("metadatas") or ()
    reasons += [_over("document bytes", len(each.encode()), 16_384) for each in documents]
    for fields in metadatas:
        reasons.append(_over("metadata keys", len(fields), 32))
        for key, value in fields.items():
            reasons.append(_over("metadata key bytes", len(key.encode()), 36))
            reasons.append(_over("metadata value bytes", len(str(value).encode()), 4_096))
    return next(filter(None, reasons), "")


def _refused_collection(metadata: Mapping[str, Any], configuration: Mapping[str, Any]) -> str:
    reasons = [_over("collection metadata keys", len(metadata), 32)]
    for key, value in metadata.items():
        reasons.append(_over("collection metadata key bytes", len(key.encode()), 36))
        reasons.append(_over("collection metadata value bytes", len(str(value).encode()), 256))
    if "hnsw" in configuration:
        reasons.append("hnsw is not an index of the Cloud")
    return next(filter(None, reasons), "")


@contextmanager
def chroma_cloud(chroma: int, folder: Path) -> Iterator[ChromaCloud]:
    """The Cloud, over the server at that port.

    ``folder``: for its certificates; made.
    """
    folder.mkdir()
    ca = make_certificates(folder, HOST)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem", folder / "server.key")
    url = f"http://127.0.0.1:{chroma}/api/v2/tenants"
    httpx2.post(url, json={"name": TENANT}).raise_for_status()
    httpx2.post(f"{url}/{TENANT}/databases", json={"name": DATABASE}).raise_for_status()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self._behind = http.client.HTTPConnection("127.0.0.1", chroma)

        def do_CONNECT(self) -> None:
            assert self.path == f"{HOST}:443", self.path
            self.send_response(200)
            self.end_headers()
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", 0)
            self.close_connection = False

        def finish(self) -> None:
            # Also of a client that was killed.
            with suppress(OSError):
                super().finish()
            self.connection.close()
            self._behind.close()

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            asked = self.rfile.read(length)
            time.sleep(cloud.latency)
            if self.headers.get("x-chroma-token") != KEY:
                self._answer(401, _error("AuthError", "Unauthorized"))
                return
            if self.path == "/api/v2/auth/identity":
                identity = {"user_id": "u", "tenant": TENANT, "databases": cloud.databases}
                self._answer(200, json.dumps(identity).encode())
                return
            with cloud.write(self.path):
                self._pass_on(asked)

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - as they must be called

        def _pass_on(self, asked: bytes) -> None:
            body = json.loads(asked) if asked else None
            if self.path.endswith("/upsert") and cloud.overloaded:
                cloud.overloaded -= 1
                self._answer(429, _error("RateLimitError", "Rate limit exceeded"))
                return
            if body and (reason := cloud.refusal(self.path, body)):
                cloud.refusals.append(reason)
                self._answer(422, _error("QuotaError", f"Quota exceeded: {reason}"))
                return
            headers = {"content-type": "application/json"}
            self._behind.request(self.command, self.path, asked or None, headers)
            answer = self._behind.getresponse()
            told = answer.read()
            if body and self.path.endswith("/upsert") and answer.status < 300:
                cloud.writes.append(len(body["ids"]))
            self._answer(answer.status, told)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that was killed is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        cloud = ChromaCloud(server.server_port, ca)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield cloud
        finally:
            server.shutdown()
            thread.join()


def _error(name: str, message: str) -> bytes:
    return json.dumps({"error": name, "message": message}).encode()
