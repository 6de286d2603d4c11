"""Where a benchmark's figures go: a terminal, JSON, one HTML page, and PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from waypoint.benchmark.charts import Chart
from waypoint.benchmark.page import html_page
from waypoint.benchmark.plots import WAY_OUT, can_draw, draw_charts
from waypoint.benchmark.tables import Grid
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
            console.print(Text(line), soft_wrap=True)

    def write(self, folder: Path, name: str, console: Terminal) -> None:
        """Write ``<name>.json``, ``<name>.html`` and, with matplotlib, a PNG for each chart."""
        folder.mkdir(parents=True, exist_ok=True)
        written = [folder / f"{name}.json", folder / f"{name}.html"]
        written[0].write_bytes(self.json)
        page = html_page(self.title, self.lines, self.grids, self.charts)
        written[1].write_text(page, encoding="utf-8")
        if can_draw():
            written += draw_charts(self.charts, folder)
        else:
            console.print(Text(f"no PNG files: matplotlib is not installed ({WAY_OUT})"))
        for path in written:
            console.print(Text(f"written: {path}"), soft_wrap=True)
