"""Samples of a run under way: its gauges, its memory and its event loop's delay, as JSON lines."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import anyio
from anyio import to_thread

from waypoint.files import open_to_append
from waypoint.observe.gauges import Gauges
from waypoint.observe.gauges.histogram import Histogram
from waypoint.observe.gauges.loop_delay import LoopDelayMeter
from waypoint.observe.gauges.process import process_use
from waypoint.sanitize import json_bytes


class Sampler:
    """Appends a sample to a file at even distances.

    A disk that fails silences it, not the run: ``failure`` says so afterwards.

    Args:
        path: a line of JSON is added for each sample.
        every: seconds between two samples.
    """

    def __init__(self, gauges: Gauges, path: Path, every: float) -> None:
        self.path = path
        self._gauges = gauges
        self._every = every
        self._meter = LoopDelayMeter()
        self.failure: OSError | None = None

    @property
    def loop_delay(self) -> Histogram:
        """The event loop's delays so far."""
        return self._meter.delays

    async def run(self) -> None:
        """Sample until cancelled, at the beginning and at the end as well."""
        started = self._gauges.snapshot().at
        self._write(self._sample(started))
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._meter.run)
                while True:
                    await anyio.sleep(self._every)
                    await to_thread.run_sync(self._write, self._sample(started))
        finally:
            # How it ended, too; there is nothing left that this could hold up.
            self._write(self._sample(started))

    def _sample(self, started: float) -> bytes:
        snapshot, use = self._gauges.snapshot(), process_use()
        sample = {
            "seconds": round(snapshot.at - started, 3),
            "stages": [asdict(stage) for stage in snapshot.stages],
            "streams": [asdict(stream) for stream in snapshot.streams],
            **asdict(use),
            "loop_delay": delay_figures(self.loop_delay),
        }
        return json_bytes(sample)

    def _write(self, line: bytes) -> None:
        if self.failure is not None:
            return
        try:
            with os.fdopen(open_to_append(self.path), "ab") as file:
                file.write(line)
        except OSError as error:
            self.failure = error


def delay_figures(delay: Histogram) -> dict[str, float]:
    """Seconds, by quantile."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    figures = {name: round(delay.quantile(share), 5) for name, share in shares.items()}
    return {**figures, "worst": round(delay.worst, 5)}
