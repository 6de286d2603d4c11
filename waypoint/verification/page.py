"""The verdict as a page of its own: one file, no network, for light and dark screens."""

from __future__ import annotations

from collections import Counter
from typing import Any

from waypoint.observe.pages import render
from waypoint.verification.picture import Picture, Point
from waypoint.verification.verdict import Verdict

COLOURS = 8
"""Categories that have a colour of their own; all others share the last one."""

_WIDTH, _HEIGHT, _MARGIN = 900, 560, 16
"""Of the picture, in its own units."""


def make_page(verdict: Verdict, picture: Picture | None) -> str:
    """The page. Every text from outside is escaped."""
    return render(
        __package__,
        "verdict.html",
        verdict=verdict,
        word="PASS" if verdict.passed else "FAIL",
        facts=_facts(verdict),
        colours=COLOURS,
        picture=_drawn(picture) if picture is not None and picture.points else None,
    )


def _facts(verdict: Verdict) -> dict[str, str]:
    model = f"{verdict.model}, {verdict.dimensions:,} dimensions, {verdict.provider}"
    return {
        "Chunks": f"{verdict.chunks:,}",
        "Model": model if verdict.model else "unknown",
        "Knowledge base": verdict.knowledge_base or "unknown",
        "Questions": verdict.queries or "none asked",
        "Verified": f"{verdict.time}, in {verdict.seconds:.1f} s",
        "Verification": verdict.verify_id,
    }


def _drawn(picture: Picture) -> dict[str, Any]:
    """Categories and points with their colours and places, as the template wants them."""
    counts = Counter(point.category for point in picture.points)
    ranked = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
    colours = {name: min(number, COLOURS - 1) for number, (name, _) in enumerate(ranked)}
    # From left to right, so that the arrow keys go the way the eye does.
    ordered = sorted(picture.points, key=lambda point: (point.x, point.y))
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "chunks": f"{picture.chunks:,}",
        "shown": f"{picture.shown:.0%}",
        "categories": [
            {"name": name, "colour": colours[name], "count": f"{count:,}"} for name, count in ranked
        ],
        "dots": [_dot(point, colours[point.category]) for point in ordered],
    }


def _dot(point: Point, colour: int) -> dict[str, Any]:
    return {
        "colour": colour,
        "x": f"{_MARGIN + point.x * (_WIDTH - 2 * _MARGIN):.1f}",
        "y": f"{_HEIGHT - _MARGIN - point.y * (_HEIGHT - 2 * _MARGIN):.1f}",
        "category": point.category,
        "name": point.source + (f": {point.heading}" if point.heading else ""),
    }
