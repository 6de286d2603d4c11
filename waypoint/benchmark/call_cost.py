"""What one call costs in CPU time, and what the same call costs through the SDK as it comes.

Machines differ, and one machine differs from hour to hour: the ratio of the two says more than
either. Each is measured in a process of its own (:mod:`waypoint.benchmark.caller`), in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from waypoint.benchmark.processes import Simulating, SimulatorProcess, run_simulator
from waypoint.benchmark.results import Spread, spread
from waypoint.benchmark.runs import run_module
from waypoint.benchmark.tables import Grid

WAYS = {
    "waypoint": "Waypoint's adapter: vectors checked and of unit length",
    "sdk-aiohttp": "google-genai as it comes, over aiohttp",
    "sdk-httpx2": "google-genai over httpx2",
}
"""How a call may be made."""

_LATENCY_MS = 20.0
"""Simulated: long enough for nobody to spin, short enough for a benchmark."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What is measured."""

    calls: int
    """Of a round, one after another."""
    batch: int
    """Texts of a call."""
    characters: int
    """Of a text."""
    rounds: int


@dataclass(frozen=True, slots=True)
class CallCost:
    """One way to make a call."""

    way: str
    cpu_ms: Spread
    """CPU milliseconds of the caller's process for a call, all its threads together."""


def run_calls(settings: CallSettings, tell: Callable[[str], None]) -> list[CallCost]:
    """Make the same calls each way, one way after the other, and so in each round.

    Raises:
        RunFailedError: a round ended before its time.
    """
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with run_simulator(Simulating(_LATENCY_MS, 0.0)) as simulator:
        for number in range(1, settings.rounds + 1):
            for way, rounds in found.items():
                rounds.append(_measure(way, settings, simulator))
            told = ", ".join(f"{way} {rounds[-1]:.1f}" for way, rounds in found.items())
            tell(f"round {number} of {settings.rounds}: CPU ms a call: {told}")
    return [CallCost(way, spread(rounds)) for way, rounds in found.items()]


def _measure(way: str, settings: CallSettings, simulator: SimulatorProcess) -> float:
    sizes = (settings.calls, settings.batch, settings.characters)
    told = run_module(
        "waypoint.benchmark.caller",
        way,
        simulator.base_url,
        *map(str, sizes),
        measured=f"calls by {way}",
        hint="fix what it names and start again",
    )
    return float(orjson.loads(told)["cpu_ms"])


def call_grid(costs: Sequence[CallCost], settings: CallSettings) -> Grid:
    """The table; the first way is the measure of the others."""
    base = costs[0].cpu_ms.median
    rows = [
        [
            WAYS[cost.way],
            f"{cost.cpu_ms.median:.1f} ({cost.cpu_ms.least:.1f} to {cost.cpu_ms.most:.1f})",
            f"{settings.batch * 1000 / cost.cpu_ms.median:,.0f}",
            f"{cost.cpu_ms.median / base:.1f}",
        ]
        for cost in costs
    ]
    columns = ("way", "CPU ms a call (least to most)", "texts/s a core", "ratio")
    return Grid(f"A call of {settings.batch} texts: medians", columns, rows)
