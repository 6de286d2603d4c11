"""The ceiling: what the service and the store, each alone, would allow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from waypoint.benchmark.processes import SimulatorProcess
from waypoint.benchmark.runs import run_module


@dataclass(frozen=True, slots=True)
class BareRun:
    """One row of upserts into an empty store."""

    rows: int
    seconds: float
    client_cpu: float
    """CPU seconds of chromadb's client, and of the calls that it makes beside."""
    calls: int
    """That were made meanwhile."""

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds


class BareChroma:
    """Bare Chroma, measured with the rows that a run of Waypoint has written."""

    def __init__(self, folder: Path) -> None:
        self._rows = folder / "rows"

    def take(self, store: Path, collection: str) -> None:
        """Keep the rows of a finished run's embedded store."""
        self._run("--take-from", str(store), "--collection", collection)

    def measure(
        self,
        *,
        beside: SimulatorProcess | None = None,
        model: str = "",
        concurrency: int = 0,
        batch: int = 0,
    ) -> BareRun:
        """Write them into an empty store; ``beside``: while as many calls are made to it."""
        options: list[str] = []
        if beside is not None:
            options = ["--load", beside.base_url, "--model", model]
            options += [f"--concurrency={concurrency}", f"--batch={batch}"]
        figures: dict[str, Any] = orjson.loads(self._run(*options))
        return BareRun(**figures)

    def _run(self, *options: str) -> bytes:
        return run_module(
            "waypoint.benchmark.bare_chroma",
            str(self._rows),
            *options,
            measured="bare Chroma",
            hint="start again; --no-ceiling leaves it out",
        )


def service_ceiling(
    *,
    calls_at_once: int,
    texts_a_call: float,
    call_seconds: float,
    tokens_a_text: float = 0,
    rpm: int = 0,
    tpm: int = 0,
) -> float:
    """Texts a second: calls in flight by what each takes, or the quota; infinite for neither.

    ``rpm``, ``tpm``: texts and tokens a minute; 0 for no limit.
    """
    limits = [calls_at_once * texts_a_call / call_seconds if call_seconds > 0 else float("inf")]
    if rpm:
        limits.append(rpm / 60)
    if tpm and tokens_a_text:
        limits.append(tpm / 60 / tokens_a_text)
    return min(limits)
