"""Figures that outlive a run: a file for node_exporter's textfile collector.

Its form: https://github.com/prometheus/node_exporter#textfile-collector.
"""

from __future__ import annotations

import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from waypoint.errors import ExitCode
from waypoint.files import written_whole
from waypoint.observe.report import RunReport

_PREFIX = "waypoint_last_run_"
_SUCCESS = f"{_PREFIX}success_time_seconds"
_READABLE = 0o644
"""The collector is another user. The file has figures, and the collection's name, alone."""


def write_metrics_file(path: Path, report: RunReport) -> None:
    """Write the figures of a run that has ended in the place of those of the one before.

    When the last run succeeded is kept from there.

    Raises:
        OSError: it cannot be written.
    """
    collection, succeeded = _before(path)
    collection = report.collection or collection
    now = time.time()
    registry = CollectorRegistry()

    def gauge(name: str, words: str, value: float) -> None:
        figure = Gauge(_PREFIX + name, words, ["collection"], registry=registry)
        figure.labels(collection).set(value)

    gauge("end_time_seconds", "When the last run ended, in Unix time.", now)
    gauge("exit_code", "Its exit code.", report.exit_code)
    gauge("duration_seconds", "How long it took.", report.seconds)
    gauge("rejects", "Documents and chunks that stand rejected.", report.standing_rejects)
    gauge("texts_embedded", "Texts that it embedded.", report.texts_embedded)
    gauge("cost_usd", "US dollars that it was billed, as estimated.", report.cost_usd)
    gauge("calls_retried", "Calls that it made again.", report.calls["retried"])
    documents = Gauge(
        f"{_PREFIX}documents", "Documents by outcome.", ["collection", "outcome"], registry=registry
    )
    for outcome, count in report.documents.items():
        documents.labels(collection, outcome).set(count)
    if report.exit_code == ExitCode.OK:
        succeeded = now
    if succeeded:
        gauge("success_time_seconds", "When a run last ended with exit code 0.", succeeded)
    with written_whole(path) as file:
        file.write(generate_latest(registry))
    path.chmod(_READABLE)


def _before(path: Path) -> tuple[str, float]:
    """The collection, and when a run last succeeded, as the file has them; of none, neither."""
    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return "", 0.0
    samples = [sample for family in families for sample in family.samples]
    collection = next((sample.labels.get("collection", "") for sample in samples), "")
    return collection, next((each.value for each in samples if each.name == _SUCCESS), 0.0)
