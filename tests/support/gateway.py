"""A gateway before the simulator: it embeds, wants a header, and serves no model's description."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def gateway(
    target: str, *, wanted: dict[str, str], of_models: int = 404, prefix: str = ""
) -> Iterator[str]:
    """Its address.

    Args:
        target: where calls are passed on to.
        wanted: headers without which a call is refused.
        of_models: the status of what asks for a model.
        prefix: of the paths that it passes on.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(of_models, b'{"detail": "Not Found"}')

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"]))
            if any(self.headers.get(name) != value for name, value in wanted.items()):
                self._answer(401, b"<html><title>Who are you?</title></html>")
            elif not self.path.startswith(f"{prefix}/v1"):
                self.do_GET()
            else:
                call = urllib.request.Request(target + self.path.removeprefix(prefix), asked)
                call.add_header("x-goog-api-key", self.headers["x-goog-api-key"])
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call) as got:
                    self._answer(got.status, got.read())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{prefix}"
        finally:
            server.shutdown()
            thread.join()
