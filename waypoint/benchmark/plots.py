"""Charts as pictures, by matplotlib, if that is installed."""

from __future__ import annotations

import importlib.util
import io
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from waypoint.benchmark.charts import Chart

INSTALL = "pip install -r requirements-plots.txt"


def can_draw() -> bool:
    """Whether matplotlib is there; it is no dependency of Waypoint."""
    return importlib.util.find_spec("matplotlib") is not None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart, drawn."""

    name: str
    title: str
    png: bytes

    @property
    def base64(self) -> str:
        """For a page that holds it."""
        return b64encode(self.png).decode()


def draw(chart: Chart) -> Drawing:
    """A chart as PNG; matplotlib must be installed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

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
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return Drawing(chart.name, chart.title, png.getvalue())
