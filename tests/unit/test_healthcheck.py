"""What the image's healthcheck makes of a run's answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from scripts import healthcheck


@contextmanager
def monitor(status: int, body: bytes) -> Iterator[int]:
    """A monitor that answers so; yields its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_the_answer_is_the_runs(
    status: int,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Healthy is 200 and nothing else; the reason is told on, where Docker keeps it."""
    with monitor(status, b'{"why":"calls to the service are not answered"}') as port:
        monkeypatch.setenv("METRICS_PORT", str(port))
        assert healthcheck.main() == code
    told = capsys.readouterr().out
    assert told.startswith(f"{status} ")
    assert "not answered" in told


def test_no_answer_is_unhealthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run whose monitor is gone, or hangs, is not taken for a live one."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as listening:
        # Connections are accepted by the kernel; nobody ever answers one.
        monkeypatch.setenv("METRICS_PORT", str(listening.server_port))
        monkeypatch.setattr(healthcheck, "TIMEOUT", 0.1)
        assert healthcheck.main() == 1
    assert healthcheck.main() == 1
    assert capsys.readouterr().out.count("does not answer") == 2


@pytest.mark.parametrize("port", [None, "", "0"])
def test_without_a_monitor_nothing_is_asked(
    port: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is none that could be found, a container isn't called ill for it."""
    monkeypatch.delenv("METRICS_PORT", raising=False)
    if port is not None:
        monkeypatch.setenv("METRICS_PORT", port)
    assert healthcheck.main() == 0
    assert "METRICS_PORT" in capsys.readouterr().out
