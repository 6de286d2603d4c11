"""The metrics: as documented, in the client library's own words, and what the events said."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.monitoring import QUOTA, SOME_WORK, ToldRun
from waypoint.monitor.metrics import RunCollector, registry_of
from waypoint.monitor.monitor import DELAY_BOUNDS
from waypoint.observe import events
from waypoint.observe.gauges.histogram import Histogram

ROW = re.compile(r"^\| `(waypoint_\w+)` \| (\w+) \| (.*?) ?\| .*\|$", re.M)


def busy_run() -> ToldRun:
    run = ToldRun(quota=QUOTA)
    run.tell(*SOME_WORK)
    stage = run.gauges.stage("embed")
    run.gauges.stream("orders").watch(16, lambda: 7)
    with stage.running():
        run.pass_seconds(3)
    return run


def exposed(run: ToldRun) -> str:
    registry = CollectorRegistry()
    registry.register(RunCollector(run.status, Histogram(DELAY_BOUNDS)))
    return generate_latest(registry).decode()


def values(run: ToldRun) -> dict[str, float]:
    """By name and labels, as a query would have them."""
    found = {}
    for family in text_string_to_metric_families(exposed(run)):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_the_documentation_lists_every_metric() -> None:
    """With its type and its labels, and no other."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
    listed = {
        name: (kind, sorted(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(page)
    }
    told = {}
    for family in text_string_to_metric_families(exposed(busy_run())):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        told[name] = (family.type, sorted(labels))
    assert listed == told


def test_figures_are_what_the_events_said() -> None:
    """One of each kind."""
    found = values(busy_run())
    wanted = {
        "waypoint_documents_found_total": 4,
        "waypoint_documents_total{outcome=unchanged}": 1,
        "waypoint_documents_total{outcome=ingested}": 1,
        "waypoint_documents_total{outcome=rejected}": 1,
        "waypoint_chunks_total{outcome=added}": 100,
        "waypoint_chunk_lookups_total{result=from_ledger}": 20,
        "waypoint_texts_embedded_total": 100,
        "waypoint_texts_saved_total": 35,
        "waypoint_tokens_saved_total": 3_500,
        "waypoint_cost_usd_total": 0.0012,
        "waypoint_calls_total{status=200}": 1,
        "waypoint_calls_total{status=503}": 1,
        "waypoint_calls_in_flight": 0,
        "waypoint_retries_total{reason=503 UNAVAILABLE}": 1,
        "waypoint_call_duration_seconds_bucket{le=0.1}": 0,
        "waypoint_call_duration_seconds_bucket{le=0.25}": 1,
        "waypoint_call_duration_seconds_bucket{le=+Inf}": 2,
        "waypoint_call_duration_seconds_sum": 0.5,
        "waypoint_store_write_duration_seconds_count": 1,
        "waypoint_store_retries_total": 1,
        "waypoint_quota_minute_texts": 2_910,
        "waypoint_quota_minute_texts_limit": 3_000,
        "waypoint_quota_day_texts_limit": float("inf"),
        "waypoint_queue_depth{queue=orders}": 7,
        "waypoint_queue_capacity{queue=orders}": 16,
        "waypoint_stage_seconds_total{stage=embed,state=busy}": 3,
        "waypoint_healthy": 1,
    }
    assert {name: found[name] for name in wanted} == wanted


def test_a_run_that_has_hardly_begun_has_metrics_too() -> None:
    """Before the quota is known and any stage runs."""
    run = ToldRun()
    assert values(run)["waypoint_texts_embedded_total"] == 0


def test_a_stalled_run_is_told() -> None:
    """As 0, with the time since something moved."""
    run = ToldRun(stall_after=5.0)
    with run.gauges.stage("read").running():
        run.pass_seconds(9)
        found = values(run)
    assert found["waypoint_healthy"] == 0
    assert found["waypoint_still_seconds"] == 8


def test_no_state_is_shared_with_other_registries() -> None:
    """Two runs in one process, one after another, are counted apart."""
    first, second = busy_run(), ToldRun()
    second.tell(events.TextsEmbedded(7, 1, 0.0))
    registries = [registry_of(run.status, Histogram(DELAY_BOUNDS)) for run in (first, second)]
    texts = [each.get_sample_value("waypoint_texts_embedded_total") for each in registries]
    assert texts == [100, 7]
