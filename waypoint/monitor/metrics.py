"""The run's figures as Prometheus reads them; docs/metrics.md lists them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import waypoint
from waypoint.observe.gauges.histogram import Histogram
from waypoint.observe.status import RunStatus

_PREFIX = "waypoint_"


def registry_of(status: RunStatus, loop_delay: Histogram) -> CollectorRegistry:
    """A registry of this run alone: the client's global one stays as it is."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RunCollector(status, loop_delay))
    # Named ``process_…`` by the client, as for every program; only Linux has its files.
    ProcessCollector(registry=registry)
    return registry


class RunCollector(Collector):
    """Reads the status whenever it is asked; counts nothing itself."""

    def __init__(self, status: RunStatus, loop_delay: Histogram) -> None:
        self._status = status
        self._loop_delay = loop_delay

    def collect(self) -> Iterable[Metric]:
        yield from self._run()
        yield from self._documents()
        yield from self._calls()
        yield from self._quota()
        yield from self._pipeline()

    def _run(self) -> Iterator[Metric]:
        report, health = self._status.progress.report, self._status.now.health
        info = InfoMetricFamily(_PREFIX + "run", "What the run is to do.")
        about = {
            "version": waypoint.__version__,
            "run_id": report.run_id,
            "collection": report.collection,
            "provider": report.provider,
            "model": report.model,
            "dimensions": str(report.dimensions),
        }
        info.add_metric([], about)
        yield info
        started = datetime.fromisoformat(report.started).timestamp()
        yield _gauge("start_time_seconds", "When the run began, in Unix time.", started)
        yield _gauge("healthy", "1, or 0 while the run is stalled.", float(health.good))
        yield _gauge(
            "still_seconds",
            "Time since anything moved, waits for quota left out.",
            health.stalled_for,
        )
        share = self._status.progress.share
        if share is not None:
            yield _gauge("progress_ratio", "Of the chunks to be expected, with vector.", share)

    def _documents(self) -> Iterator[Metric]:
        progress = self._status.progress
        report = progress.report
        documents, chunks = dict(report.documents), report.chunks
        yield _counter(
            "documents_found",
            "Documents found: files, or records of a file.",
            documents.pop("found"),
        )
        yield _counter(
            "documents_with_warnings",
            "Documents of which something was lost or is odd.",
            documents.pop("with_warnings"),
        )
        yield _counters("documents", "Documents by outcome.", "outcome", documents)
        yield _counter("chunks_cut", "Chunks that documents were cut into.", chunks["cut"])
        outcomes = ("added", "updated", "deleted", "rejected")
        yield _counters(
            "chunks", "Chunks by outcome.", "outcome", {name: chunks[name] for name in outcomes}
        )
        lookups = ("present", "from_ledger", "same_text", "to_embed", "refused_before")
        yield _counters(
            "chunk_lookups",
            "Where the vectors of chunks come from.",
            "result",
            {name: chunks[name] for name in lookups},
        )
        saved = ("present", "from_ledger", "same_text")
        yield _counter("texts_embedded", "Texts embedded.", report.texts_embedded)
        outcomes = ("submitted", "committed", "given_back", "maybe_billed")
        yield _counters(
            "batch_job_texts",
            "Texts in batch jobs, by what became of them.",
            "outcome",
            {name: report.jobs[f"texts_{name}"] for name in outcomes},
        )
        yield _counter(
            "texts_saved",
            "Texts that need not be embedded.",
            sum(chunks[name] for name in saved),
        )
        yield _counter("tokens_embedded", "Tokens embedded.", report.tokens_embedded)
        yield _counter("tokens_saved", "Tokens saved, as estimated.", progress.tokens_saved)
        yield _counter("cost_usd", "US dollars billed, as estimated.", report.cost_usd)

    def _calls(self) -> Iterator[Metric]:
        progress = self._status.progress
        report = progress.report
        yield _counters(
            "calls", "Calls that ended, by HTTP status.", "status", progress.calls_by_status
        )
        yield _counters(
            "retries", "Calls to be tried again, by reason.", "reason", report.retries_by_reason
        )
        yield _gauge("calls_in_flight", "Calls that were sent.", progress.calls_in_flight)
        yield _histogram("call_duration_seconds", "Of calls that ended.", progress.call_seconds)

    def _quota(self) -> Iterator[Metric]:
        state = self._status.now.quota
        if state is None:
            return
        used = (
            ("minute_texts", "Texts sent", "minute", state.texts_in_minute, state.rpm),
            ("minute_tokens", "Tokens sent", "minute", state.tokens_in_minute, state.tpm),
            ("day_texts", "Texts sent", "day", state.texts_today, state.rpd),
        )
        for name, what, window, amount, limit in used:
            words = "in the last minute" if window == "minute" else "on the service's day"
            yield _gauge(f"quota_{name}", f"{what} {words}.", amount)
            yield _gauge(
                f"quota_{name}_limit", f"Most of them a {window}; +Inf for none.", limit or math.inf
            )
        waits = ("texts", "tokens", "service")
        yield _gauges(
            "quota_waiting",
            "1 for what the next call waits for.",
            "limit",
            {name: float(state.waiting_for == name) for name in waits},
        )

    def _pipeline(self) -> Iterator[Metric]:
        snapshot, progress = self._status.now.pipeline, self._status.progress
        seconds = CounterMetricFamily(
            _PREFIX + "stage_seconds",
            "Worker-seconds of a stage, by what its workers were about.",
            labels=["stage", "state"],
        )
        for stage in snapshot.stages:
            seconds.add_metric([stage.name, "busy"], stage.busy)
            seconds.add_metric([stage.name, "waiting_for_input"], stage.waiting_for_input)
            seconds.add_metric([stage.name, "waiting_for_room"], stage.waiting_for_room)
        yield seconds
        workers = {stage.name: stage.workers for stage in snapshot.stages}
        yield _gauges("stage_workers", "Workers of a stage that run.", "stage", workers)
        depths = {stream.name: stream.depth for stream in snapshot.streams}
        yield _gauges("queue_depth", "Messages in the queue.", "queue", depths)
        capacities = {stream.name: stream.capacity for stream in snapshot.streams}
        yield _gauges("queue_capacity", "Messages it holds at most.", "queue", capacities)
        items = {stream.name: stream.items for stream in snapshot.streams}
        yield _counters("queue_items", "Items taken from it.", "queue", items)
        writes = progress.write_seconds
        yield _histogram("store_write_duration_seconds", "Of writes to Chroma.", writes)
        yield _counter("store_retries", "Requests to Chroma made again.", progress.store_retries)
        yield _histogram("event_loop_delay_seconds", "How late its timers are.", self._loop_delay)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, words, value=value)


def _gauges(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(_PREFIX + name, words, value=value)


def _counters(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _histogram(name: str, words: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, words)
    buckets = [
        ("+Inf" if math.isinf(bound) else str(bound), float(count))
        for bound, count in histogram.buckets
    ]
    family.add_metric([], buckets, histogram.total)
    return family
