"""A web server that means harm: whatever bytes a test has it answer, as often as it is asked."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from threading import Thread


@dataclass(frozen=True, slots=True)
class HostileAnswer:
    """What is sent; a body that never ends is cut off by whoever reads it, or never."""

    body: Iterable[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Answers = Callable[[str, str, bytes], HostileAnswer]
"""By method, path and the request's body."""


@contextmanager
def hostile_server(answers: Answers) -> Iterator[int]:
    """Its port on the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.rfile.read(int(self.headers.get("content-length") or 0))
            answer = answers(self.command, self.path, asked)
            with suppress(OSError):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for part in answer.body:
                    self.wfile.write(part)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - as they must be called

        def log_message(self, format: str, *arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@cache
def bomb() -> bytes:
    """Two megabytes of gzip that unpack to two gigabytes of blanks."""
    return gzip.compress(b" " * 2**24) * 128


PACKED = {"content-encoding": "gzip", "content-type": "application/json"}

HOSTILE: dict[str, Callable[[], HostileAnswer]] = {
    "a bomb": lambda: HostileAnswer([bomb()], 200, PACKED),
    "a bomb in an error": lambda: HostileAnswer([bomb()], 503, PACKED),
    "a bomb in a refusal": lambda: HostileAnswer([bomb()], 400, PACKED),
    "no end": lambda: HostileAnswer(repeat(b" " * 2**16)),
    "no end of an error": lambda: HostileAnswer(repeat(b" " * 2**16), 500),
    "deep": lambda: HostileAnswer([b"[" * 200_000]),
    "a deep refusal": lambda: HostileAnswer([b"[" * 200_000], 400),
    "a deep field": lambda: HostileAnswer([b'{"error":' + b"[" * 900 + b"]" * 900 + b"}"], 429),
    "null": lambda: HostileAnswer([b"null"]),
    "a list": lambda: HostileAnswer([b"[null]"]),
    "a string": lambda: HostileAnswer([b'"id"']),
    "a number": lambda: HostileAnswer([b"1e999"]),
    "not UTF-8": lambda: HostileAnswer([b'{"id": "\xff\xfe"}']),
    "packed as it was not asked": lambda: HostileAnswer([b"x"], 200, {"content-encoding": "br"}),
    "another length": lambda: HostileAnswer([b"{}"], 200, {"content-length": "7"}),
    "no length": lambda: HostileAnswer([b"{}"], 200, {"content-length": "-1"}),
    "too long a header": lambda: HostileAnswer([b"{}"], 200, {"x": "y" * 200_000}),
    "another place": lambda: HostileAnswer([], 302, {"location": "http://127.0.0.1:9/steal"}),
    "an unheard-of status": lambda: HostileAnswer([], 999),
    "a strange charset": lambda: HostileAnswer(
        [b"x"], 400, {"content-type": "text/x; charset=\xff"}
    ),
    "an error of other types": lambda: HostileAnswer(
        [b'{"error": {"message": [1], "status": {}, "details": {"a": null}}}'], 400
    ),
}
