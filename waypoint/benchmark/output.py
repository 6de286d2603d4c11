"""Where a benchmark's figures go: a terminal, JSON, PNG files, and one HTML page with all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from waypoint.benchmark.charts import Chart
from waypoint.benchmark.plots import INSTALL, can_draw, draw
from waypoint.benchmark.tables import Grid
from waypoint.observe.pages import render
from waypoint.observe.terminal import Terminal, Text


@dataclass(frozen=True, slots=True)
class Output:
    """A benchmark, ready to be shown."""

    title: str
    lines: Sequence[str]
    """The headline and what else is to be said in words."""
    grids: Sequence[Grid]
    charts: Sequence[Chart]
    json: bytes

    def show(self, console: Terminal) -> None:
        for grid in self.grids:
            console.print(grid.for_terminal())
        for line in self.lines:
            console.tell(line)

    def write(self, folder: Path, name: str, console: Terminal) -> None:
        """Write ``<name>.json`` and ``<name>.html``; with matplotlib, also each chart as PNG."""
        folder.mkdir(parents=True, exist_ok=True)
        pictures = [draw(chart) for chart in self.charts] if can_draw() else []
        if not can_draw():
            console.print(Text(f"no charts: matplotlib is not installed ({INSTALL})"))
        page = render(
            __package__,
            "benchmark.html",
            title=self.title,
            lines=self.lines,
            grids=self.grids,
            pictures=pictures,
            can_draw=can_draw(),
        )
        files = {
            f"{name}.json": self.json,
            f"{name}.html": page.encode(),
            **{f"{picture.name}.png": picture.png for picture in pictures},
        }
        for file, content in files.items():
            path = folder / file
            path.write_bytes(content)
            console.tell(f"written: {path}")
