"""One measured run: the real program as a child process over a fresh store."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import psutil

from waypoint.benchmark.processes import environment
from waypoint.child_environment import child_environment, module_path
from waypoint.errors import WaypointError

_LOOK_EVERY = 0.1
"""Seconds between two looks at the memory of the store."""

_MOST_SAMPLES = 240


class RunFailedError(WaypointError):
    """A measured run did not end well: its figures are worth nothing."""


def run_module(module: str, *arguments: str, measured: str, hint: str) -> bytes:
    """Measure in a process of its own: a module as a program; returns what it prints.

    Raises:
        RunFailedError: it failed; ``measured`` and ``hint`` are for that.
    """
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-m", module, *arguments],
        env=child_environment(PYTHONPATH=module_path()),
        capture_output=True,
        check=False,
    )
    if ended.returncode != 0:
        said = ended.stderr.decode()[-500:].strip()
        raise RunFailedError(f"{measured} could not be measured: {said}", hint=hint)
    return ended.stdout


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What is to be measured."""

    knowledge_base: Path
    folder: Path
    """For store and logs; made anew."""
    options: Sequence[str]
    """Of ``ingest``."""
    variables: Mapping[str, str]
    """Settings that have no option, and the service."""
    server_pid: int | None = None
    """Of a Chroma server of the benchmark's own; None for the embedded store."""
    stats_interval: float = 0.25


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one run came to. Seconds, bytes; of the worker's process unless it says otherwise."""

    wall: float
    """From the start of the process to its end, imports and Chroma's start and stop included."""
    texts: int
    tokens: int
    """As the service counted those texts."""
    chunks: int
    calls: int
    retried: int
    rate_limited: int
    latency: Mapping[str, float]
    """Of answered calls: p50, p95, p99."""
    first_call: float
    """From the start of the process until the first call was sent; 0 if none was."""
    cpu: float
    peak_memory: int
    store_cpu: float
    store_peak_memory: int
    loop_delay: Mapping[str, float]
    cost_usd: float
    bound_by: str
    stages: Sequence[Mapping[str, Any]]
    timeline: Sequence[Mapping[str, Any]] = field(repr=False)
    """Samples, at most 240: see STATS_INTERVAL."""

    @property
    def texts_per_second(self) -> float:
        return self.texts / self.wall

    @property
    def cpu_ms_per_1000(self) -> float:
        return self.cpu * 1e6 / self.texts if self.texts else 0.0


def ingest_options(*, concurrency: int, batch: int, chunk_size: int) -> list[str]:
    """Options of ``ingest`` by which each section of a generated corpus becomes one chunk."""
    return [
        f"--concurrency={concurrency}",
        f"--batch-size={batch}",
        f"--chunk-size={chunk_size}",
        "--chunk-overlap=0",
    ]


def measure(spec: RunSpec) -> RunResult:
    """Run ``ingest`` to its end.

    Raises:
        RunFailedError: it did not end with exit code 0.
    """
    spec.folder.mkdir(parents=True, exist_ok=True)
    variables = {
        "CHROMA_PERSIST_PATH": str(spec.folder / "store"),
        "LOG_DIR": str(spec.folder / "logs"),
        "LOG_LEVEL": "INFO",
        # The calls are read from the log: all of them, however long the run.
        "LOG_MAX_BYTES": "0",
        "STATS_INTERVAL": str(spec.stats_interval),
        **spec.variables,
    }
    command = [sys.executable, "-m", "waypoint", "ingest", str(spec.knowledge_base), "--json"]
    began, started = time.time(), time.monotonic()
    with (spec.folder / "stderr.txt").open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603
            [*command, *spec.options],
            # Where there is no .env.
            cwd=spec.folder,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        store = _StoreWatch(process.pid, spec.server_pid)
        try:
            output = _wait(process, store)
        except BaseException:
            # Of ours, nothing outlives us: its own children end with it.
            process.terminate()
            process.wait()
            raise
    wall = time.monotonic() - started
    if process.returncode != 0:
        told = (spec.folder / "stderr.txt").read_text("utf-8", "replace").strip()
        raise RunFailedError(
            f"a measured run ended with exit code {process.returncode}: {told[-500:]}",
            hint="its figures are worth nothing; mend what it names and start again",
        )
    return _result(spec, orjson.loads(output), wall, began, store)


def _wait(process: subprocess.Popen[bytes], store: _StoreWatch) -> bytes:
    while True:
        store.look()
        try:
            output, _ = process.communicate(timeout=_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            continue
        return output


class _StoreWatch:
    """Memory and CPU time of the Chroma that a run writes to: its own child, or a server."""

    def __init__(self, worker: int, server: int | None) -> None:
        self._worker = psutil.Process(worker)
        self._store = psutil.Process(server) if server is not None else None
        self._cpu_before = self._cpu() if server is not None else 0.0
        self.peak_memory = 0
        self.cpu = 0.0

    def look(self) -> None:
        try:
            if self._store is None:
                self._store = self._find()
            if self._store is not None:
                self.peak_memory = max(self.peak_memory, self._store.memory_info().rss)
                self.cpu = self._cpu() - self._cpu_before
        except psutil.NoSuchProcess:
            # Revived, perhaps, or at its end.
            self._store = None

    def _find(self) -> psutil.Process | None:
        for child in self._worker.children():
            if any(part.endswith("chroma_server.py") for part in child.cmdline()):
                return child
        return None

    def _cpu(self) -> float:
        assert self._store is not None
        times = self._store.cpu_times()
        return float(times.user + times.system)


def _result(
    spec: RunSpec, report: dict[str, Any], wall: float, began: float, store: _StoreWatch
) -> RunResult:
    logs = spec.folder / "logs"
    latencies, first_call = _calls(logs / "waypoint.jsonl", began)
    samples = list(_lines(logs / f"run-{report['run_id']}.stats.jsonl"))
    step = -(-len(samples) // _MOST_SAMPLES) or 1
    return RunResult(
        wall=wall,
        texts=report["texts_embedded"],
        tokens=report["tokens_embedded"],
        chunks=report["chunks"]["added"],
        calls=report["calls"]["answered"],
        retried=report["calls"]["retried"],
        rate_limited=report["calls"]["rate_limited"],
        latency={name: quantile(latencies, share) for name, share in QUANTILES.items()},
        first_call=first_call,
        cpu=report["cpu_seconds"],
        peak_memory=report["peak_memory_bytes"],
        store_cpu=store.cpu,
        store_peak_memory=store.peak_memory,
        loop_delay=report["loop_delay"],
        cost_usd=report["cost_usd"],
        bound_by=report["bound_by"],
        stages=report["stages"],
        timeline=samples[::step],
    )


QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed; 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _calls(log: Path, began: float) -> tuple[list[float], float]:
    """How long each answered call took, and when the first of them was sent."""
    latencies: list[float] = []
    first = 0.0
    for record in _lines(log):
        if record["event"] == "call_answered":
            sent = datetime.fromisoformat(record["time"]).timestamp() - record["seconds"] - began
            first = min(first or sent, sent)
            latencies.append(record["seconds"])
    return latencies, first


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from map(orjson.loads, file)
