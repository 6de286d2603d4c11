"""Charts as PNG files, by matplotlib, if that is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waypoint.benchmark.charts import Chart

WAY_OUT = "pip install -r requirements-plots.txt"


def can_draw() -> bool:
    """Whether matplotlib is there; it is no dependency of Waypoint."""
    return importlib.util.find_spec("matplotlib") is not None


def draw_charts(charts: Sequence[Chart], folder: Path) -> list[Path]:
    """One PNG file for each chart, named after it; matplotlib must be installed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    paths = []
    for chart in charts:
        figure: Any = Figure(figsize=(9, 4.5), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for series in chart.series:
            x, y = ([point[number] for point in series.points] for number in (0, 1))
            style = "--" if series.dashed else "-"
            marker = "o" if len(x) <= 12 and not series.dashed else None
            axes.plot(x, y, style, marker=marker, label=series.name, linewidth=1.6)
        axes.set(title=chart.title, xlabel=chart.x_label, ylabel=chart.y_label)
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        path = folder / f"{chart.name}.png"
        figure.savefig(path)
        paths.append(path)
    return paths
