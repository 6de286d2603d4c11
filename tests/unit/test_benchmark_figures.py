"""The benchmark's arithmetic: ceilings, shares of a quota, axes."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from waypoint.benchmark.ceiling import service_ceiling
from waypoint.benchmark.charts import Chart, Series
from waypoint.benchmark.output import Output
from waypoint.benchmark.pace import PaceResult, PaceSample, pace_charts
from waypoint.benchmark.plots import draw
from waypoint.benchmark.runs import quantile
from waypoint.benchmark.tables import Grid
from waypoint.observe.terminal import Terminal
from waypoint.sanitize import learn_secrets


@pytest.mark.parametrize(
    ("quota", "texts_a_second"),
    [
        ({}, 8 * 100 / 0.3),
        ({"rpm": 3_000}, 50),
        ({"rpm": 3_000, "tpm": 60_000, "tokens_a_text": 50}, 20),
        ({"rpm": 1_000_000}, 8 * 100 / 0.3),
    ],
)
def test_the_service_allows_the_least_of_its_limits(
    quota: dict[str, float], texts_a_second: float
) -> None:
    """Calls in flight by what each takes, texts a minute, or tokens a minute."""
    limits = {"calls_at_once": 8, "texts_a_call": 100, "call_seconds": 0.3, **quota}
    assert service_ceiling(**limits) == pytest.approx(texts_a_second)  # type: ignore[arg-type]


def paced(*samples: tuple[float, int, int, int]) -> PaceResult:
    """Seconds, texts, 429s and the quota from then on; no tokens to speak of."""
    return PaceResult(
        "1", "changing", [PaceSample(at, n, 0, r, q, 10**9) for at, n, r, q in samples], 0, 0
    )


def test_a_share_is_of_the_quota_that_held() -> None:
    """A minute at 600 used whole, then a minute at 1,200 used by half."""
    run = paced((0, 0, 0, 600), (60, 600, 2, 1_200), (120, 1_200, 5, 1_200))
    assert run.share() == pytest.approx(1_200 / 1_800)
    assert run.share(60, 120) == pytest.approx(0.5)
    assert (run.refusals(), run.refusals(60, 120)) == (5, 3)


def test_a_share_of_a_time_that_was_not_reached_is_none() -> None:
    """Minutes 4 to 6 of a run of two."""
    assert paced((0, 0, 0, 600), (120, 1_200, 0, 600)).share(240, 360) is None


def test_the_emptiest_minute_is_of_any_that_begins_late_enough() -> None:
    """A burst, a pause of 70 s, and a pace that the quota would allow."""
    samples = [(0, 0, 0, 600), (40, 600, 0, 600), (110, 600, 0, 600), (170, 1_200, 0, 600)]
    run = paced(*samples)
    assert run.least_window() == pytest.approx(0.0)
    assert run.least_window(80) == pytest.approx(0.5)
    assert run.least_window(120) is None
    assert paced(*samples[:3], (170, 1_200, 0, 1_200)).least_window() is None


def test_where_tokens_bind_they_are_the_share() -> None:
    """Whichever of the two is used more."""
    samples = [PaceSample(0, 0, 0, 0, 3_000, 10_000), PaceSample(60, 30, 9_800, 0, 3_000, 10_000)]
    assert PaceResult("1", "known", samples, 0, 0).share() == pytest.approx(0.98)


def test_a_quota_is_drawn_with_steps() -> None:
    """It changes at once, not on the way to the next sample."""
    run = paced((0, 0, 0, 600), (10, 100, 0, 600), (20, 200, 0, 1_200), (30, 300, 0, 1_200))
    (chart,) = pace_charts([run])
    _, quota = chart.series
    assert quota.points == [(0, 10), (10, 10), (20, 10), (20, 20), (30, 20)]


def test_quantiles_are_values_that_occurred() -> None:
    """Of none it is nothing."""
    values = [float(value) for value in range(100, 0, -1)]
    assert [quantile(values, share) for share in (0.5, 0.95, 0.99)] == [51, 96, 100]
    assert quantile([], 0.5) == 0


@pytest.mark.parametrize("points", [[(1, 1)], [(0, 0), (0, 0)], [(5, 1e-6), (6, 3e9)]])
def test_any_points_can_be_drawn(points: list[tuple[float, float]]) -> None:
    """Whatever their range, and with a series that has none."""
    drawn = draw(Chart("n", "t", "x", "y", [Series("a", points), Series("none", [])]))
    assert drawn.png.startswith(b"\x89PNG\r\n\x1a\n")


def test_names_that_mean_something_to_html_stay_text(tmp_path: Path) -> None:
    """In titles, lines, tables and charts, and with a credential masked."""
    learn_secrets({"GOOGLE_API_KEY": "a-key-that-is-secret"})
    grid = Grid("<b>", ["<b>"], [["<b>", "a-key-that-is-secret"]])
    chart = Chart("n", '"<b>"', "x & y", "<b>", [Series("<b>", [(0, 1)])])
    Output("<b>", ["<b>"], [grid], [chart], b"{}").write(tmp_path, "n", Terminal(file=StringIO()))
    page = (tmp_path / "n.html").read_text()
    assert "<b>" not in page
    assert "a-key-that-is-secret" not in page
    assert page.count("&lt;b&gt;") == 7
