"""The simulator as a process of its own: how it begins and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running simulator and its base URL."""
    command = [sys.executable, "-m", "waypoint.simulator", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        try:
            yield running, json.loads(running.stdout.readline())["base_url"]
        finally:
            running.kill()


def settings_of(base_url: str) -> dict[str, object]:
    """What a running simulator was told."""
    with urllib.request.urlopen(f"{base_url}/_simulator/settings", timeout=10) as answer:
        settings: dict[str, object] = json.load(answer)
    return settings


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_options_are_settings_and_a_signal_ends_it(number: signal.Signals) -> None:
    """It listens on loopback, says where, and exits with 0."""
    options = ["--rpm", "3000", "--latency-per-text-ms", "1.5", "--quota-window", "fixed"]
    options += ["--fault", "hang=0.25", "--next-fault", "none", "--no-record-texts"]
    with process(*options) as (running, base_url):
        assert base_url.startswith("http://127.0.0.1:")
        settings = settings_of(base_url)
        running.send_signal(number)
        assert running.wait(10) == 0
    assert settings["rpm"] == 3000
    assert settings["latency_per_text_ms"] == 1.5
    assert settings["quota_window"] == "fixed"
    assert settings["faults"] == {"hang": 0.25}
    assert settings["fault_script"] == [None]
    assert settings["record_texts"] is False


def test_the_end_of_stdin_ends_it() -> None:
    """So a parent's death, however it comes, leaves no simulator behind."""
    with process("--exit-with-stdin") as (running, _):
        assert running.stdin is not None
        running.stdin.close()
        assert running.wait(10) == 0


def test_a_taken_port_is_an_error_that_says_so() -> None:
    """No other port is tried in its place."""
    with process() as (_, base_url):
        port = base_url.rpartition(":")[2]
        command = [sys.executable, "-m", "waypoint.simulator", "--port", port]
        second = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--rpm", "-1"],
        ["--fault", "x=1"],
        ["--fault", "hang=2"],
        ["--fault", "hang"],
        ["--next-fault", "x"],
        ["--tier", "gold"],
        ["--port", "65536"],
    ],
)
def test_impossible_options_are_refused(options: list[str]) -> None:
    """With the usual code for a wrong command line."""
    command = [sys.executable, "-m", "waypoint.simulator", *options]
    refused = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)
    assert refused.returncode == 2
    assert "Error: " in refused.stderr
