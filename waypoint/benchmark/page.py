"""The benchmark as one HTML page that needs nothing else: no network, no file beside it."""

from __future__ import annotations

from collections.abc import Sequence

from waypoint.benchmark.charts import Chart
from waypoint.benchmark.svg import draw
from waypoint.benchmark.tables import Grid
from waypoint.sanitize import as_html

_STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 2em }
caption { text-align: left; font-weight: bold; padding: .3em 0 }
th, td { border-bottom: 1px solid #ddd; padding: .25em .7em; text-align: right }
th:first-child, td:first-child { text-align: left }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(480px, 1fr)); gap: 1.5em }
svg { width: 100%; height: auto; background: #fff }
@media (prefers-color-scheme: dark) { body { background: #fff } }
"""


def html_page(
    title: str, lines: Sequence[str], grids: Sequence[Grid], charts: Sequence[Chart]
) -> str:
    """The page, with its tables and charts within it."""
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{as_html(title)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{as_html(title)}</h1>",
        *(f"<p>{as_html(line)}</p>" for line in lines),
        *(_table(grid) for grid in grids if grid.rows),
        '<div class="charts">',
        *(f"<figure>{draw(chart)}</figure>" for chart in charts),
        "</div></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _table(grid: Grid) -> str:
    head = "".join(f"<th>{as_html(name)}</th>" for name in grid.columns)
    rows = (
        "<tr>" + "".join(f"<td>{as_html(value)}</td>" for value in row) + "</tr>"
        for row in grid.rows
    )
    caption = f"<caption>{as_html(grid.title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
