"""Charts and diagrams of Office documents: their titles, categories and values, as last drawn."""

from __future__ import annotations

from waypoint.formats.markup.zipped_xml import Element, whole_number
from waypoint.formats.office.ooxml import CHART_DATA, DIAGRAM, A

_C = f"{{{CHART_DATA}}}"
_MOST_POINTS = 10_000
"""Of one series: no chart that a person looks at has more."""


def chart_title(chart: Element) -> str:
    """Its title, and those of its axes; empty for none."""
    titles = [
        "".join(each.text or "" for each in title.iter(f"{A}t"))
        for title in chart.iter(f"{_C}title")
    ]
    return " / ".join(" ".join(title.split()) for title in titles if title.strip())


def chart_rows(chart: Element) -> list[list[str]]:
    """A row for each category, a column for each series, with their names."""
    columns: list[tuple[str, dict[int, str]]] = []
    categories: dict[int, str] = {}
    for number, series in enumerate(chart.iter(f"{_C}ser"), 1):
        names = _points(series, "tx")
        values = _points(series, "val") or _points(series, "yVal")
        categories.update(_points(series, "cat") or _points(series, "xVal"))
        columns.append((names.get(0) or f"series {number}", values))
    places = sorted(set(categories).union(*(values for _, values in columns)))
    if not places:
        return []
    rows = [["", *(name for name, _ in columns)]]
    rows += [
        [categories.get(place, ""), *(values.get(place, "") for _, values in columns)]
        for place in places
    ]
    return rows


def diagram_texts(data: Element) -> list[str]:
    """The texts of a diagram (SmartArt), in the order of its data."""
    texts = [
        "".join(each.text or "" for each in paragraph.iter(f"{A}t"))
        for text in data.iter(f"{DIAGRAM}t")
        for paragraph in text.iter(f"{A}p")
    ]
    return [text for text in texts if text.strip()]


def _points(series: Element, name: str) -> dict[int, str]:
    """Cached values by their place; a name that is given as such is at place 0."""
    part = series.find(f"{_C}{name}")
    if part is None:
        return {}
    points = {
        whole_number(point.get("idx"), 0): (point.findtext(f"{_C}v") or "").strip()
        for point, _ in zip(part.iter(f"{_C}pt"), range(_MOST_POINTS), strict=False)
    }
    direct = part.findtext(f"{_C}v")
    return points or ({0: direct.strip()} if direct else {})
