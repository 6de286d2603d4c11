"""Line charts as SVG, drawn by hand: a page that works without a network needs no more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from waypoint.benchmark.charts import Chart, Series
from waypoint.sanitize import as_html

WIDTH, HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 190, 36, 48
_COLOURS = ("#0b6e99", "#d1495b", "#3a7d44", "#edae49", "#6b4c9a", "#00798c", "#8d5524", "#555555")
_MOST_TICKS = 6


def draw(chart: Chart) -> str:
    """The chart as one ``<svg>`` element."""
    drawn = [series for series in chart.series if series.points]
    points = [point for series in drawn for point in series.points]
    x_axis = _Axis([x for x, _ in points], _LEFT, WIDTH - _RIGHT)
    y_axis = _Axis([0.0, *(y for _, y in points)], HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{as_html(chart.title)}" font-family="sans-serif" font-size="12">',
        f'<text x="{_LEFT}" y="20" font-size="15" font-weight="bold">{as_html(chart.title)}</text>',
        *_grid(x_axis, y_axis),
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{as_html(chart.x_label)}</text>",
        f'<text transform="translate(14 {(_TOP + HEIGHT - _BOTTOM) / 2:.0f}) rotate(-90)" '
        f'text-anchor="middle">{as_html(chart.y_label)}</text>',
    ]
    for number, series in enumerate(drawn):
        parts += _line(series, _COLOURS[number % len(_COLOURS)], number, x_axis, y_axis)
    return "\n".join([*parts, "</svg>"])


class _Axis:
    """From values to positions; ticks are round numbers."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        least, most = min(values), max(values)
        if least == most:
            most = least + 1
        self.step = _round_step((most - least) / _MOST_TICKS)
        self.least = math.floor(least / self.step) * self.step
        self.most = math.ceil(most / self.step) * self.step
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        share = (value - self.least) / (self.most - self.least)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        count = round((self.most - self.least) / self.step)
        return [self.least + number * self.step for number in range(count + 1)]


def _round_step(step: float) -> float:
    """The next of 1, 2, 5, 10, … times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


def _grid(x_axis: _Axis, y_axis: _Axis) -> Iterator[str]:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    for value in y_axis.ticks():
        y = y_axis.at(value)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#dddddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_figure(value)}</text>'
    for value in x_axis.ticks():
        x = x_axis.at(value)
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{_figure(value)}</text>'


def _line(series: Series, colour: str, number: int, x_axis: _Axis, y_axis: _Axis) -> Iterator[str]:
    dashes = ' stroke-dasharray="6 4"' if series.dashed else ""
    path = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in series.points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    if len(series.points) <= 12 and not series.dashed:
        for x, y in series.points:
            place = f'cx="{x_axis.at(x):.1f}" cy="{y_axis.at(y):.1f}"'
            yield f'<circle {place} r="3" fill="{colour}"/>'
    x, y = WIDTH - _RIGHT + 14, _TOP + 8 + 18 * number
    place = f'x1="{x}" y1="{y}" x2="{x + 22}" y2="{y}"'
    yield f'<line {place} stroke="{colour}" stroke-width="2"{dashes}/>'
    yield f'<text x="{x + 28}" y="{y + 4}">{as_html(series.name)}</text>'


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2g}"
