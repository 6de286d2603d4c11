"""An ingestion as a person meets it: display, log, monitor, report, summary and exit code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, replace

from waypoint.cli.failures import tell_failure
from waypoint.cli.mounts import check_mounts
from waypoint.cli.summary import print_summary
from waypoint.errors import ExitCode, WaypointError
from waypoint.files import make_log_folder, told
from waypoint.ingestion import runtime
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.outcome import run_to_end
from waypoint.ingestion.run import Ingestion
from waypoint.observe.display import Display, LineDisplay, LiveDisplay
from waypoint.observe.events import EventBus
from waypoint.observe.gauges import PipelineSnapshot
from waypoint.observe.gauges.bottleneck import find_bottleneck
from waypoint.observe.gauges.process import process_use
from waypoint.observe.logs import JsonLog
from waypoint.observe.progress import Progress
from waypoint.observe.report import RunReport, write_report
from waypoint.observe.sampler import delay_figures
from waypoint.observe.status import RunStatus
from waypoint.observe.terminal import Terminal, print_bytes
from waypoint.settings import Settings


def run_ingestion(
    settings: Settings, options: IngestOptions, *, json: bool = False, verbose: bool = False
) -> ExitCode:
    """Ingest, show it and report it.

    Raises:
        WaypointError: it could not begin. What it fails of later is told, and in the report.
    """
    try:
        check_mounts(settings, settings.knowledge_base_path)
    except WaypointError as error:
        _write_metrics(settings, RunReport(exit_code=error.exit_code))
        raise
    make_log_folder(settings.log_dir)
    runtime.tune_process()
    # Whatever a person reads goes to stderr: stdout is the report's alone.
    console = Terminal(stderr=True)
    events = EventBus()
    # Who looks at a run wants to know how much there is.
    survey = console.is_terminal or settings.metrics_port is not None
    ingestion = Ingestion(settings, replace(options, survey=survey), events)
    progress = Progress()
    status = RunStatus(progress, ingestion.gauges, ingestion.quota_state, settings.stall_after)
    report = progress.report
    report.run_id = ingestion.run_id
    with ExitStack() as stack:
        log = stack.enter_context(
            JsonLog(
                settings.log_dir,
                ingestion.run_id,
                settings.log_level,
                most_bytes=settings.log_max_bytes,
                backups=settings.log_backups,
            )
        )
        live = console.is_terminal and not verbose
        display = stack.enter_context(_display(console, settings, status, live=live))
        for listener in (progress, log, display):
            events.subscribe(listener)
        failure = runtime.run(_ingest, settings, ingestion, status, events)
    _tell_resources(report, ingestion)
    for name, written in (("log", log), ("samples", ingestion.sampler)):
        if written is not None and written.failure is not None:
            report.notices.append(f"the {name} could not be written: {told(written.failure)}")
    path = None
    try:
        path = write_report(report, settings.log_dir)
    except OSError as error:
        report.notices.append(f"the report could not be written: {told(error)}")
    _write_metrics(settings, report)
    if json:
        print_bytes(report.to_json())
    if failure is not None:
        tell_failure(console, failure, verbose=verbose)
    print_summary(console, report, path)
    return ExitCode(report.exit_code)


def _write_metrics(settings: Settings, report: RunReport) -> None:
    if settings.metrics_file is None:
        return
    from waypoint.monitor.metrics_file import write_metrics_file

    try:
        write_metrics_file(settings.metrics_file, report)
    except OSError as error:
        report.notices.append(f"the metrics file could not be written: {told(error)}")


def _display(console: Terminal, settings: Settings, status: RunStatus, *, live: bool) -> Display:
    if live:
        return LiveDisplay(console, status)
    return LineDisplay(
        console,
        status,
        form=settings.log_format,
        least=settings.log_level,
        run_id=status.progress.report.run_id,
    )


async def _ingest(
    settings: Settings, ingestion: Ingestion, status: RunStatus, events: EventBus
) -> WaypointError | None:
    """Run to the end, which is told while a monitor still listens; returns what it failed of."""
    async with status.watched(), _monitored(settings, status, events):
        return await run_to_end(settings, ingestion, status.progress, events)


@asynccontextmanager
async def _monitored(
    settings: Settings, status: RunStatus, events: EventBus
) -> AsyncIterator[None]:
    """Have the run looked at for as long as the context is open; nothing without METRICS_PORT."""
    if settings.metrics_port is None:
        yield
        return
    from waypoint.monitor.monitor import Monitor

    monitor = Monitor(
        status,
        events,
        settings.metrics_host,
        settings.metrics_port,
        settings.metrics_allowed_hosts,
    )
    async with monitor.beside():
        yield


def _tell_resources(report: RunReport, ingestion: Ingestion) -> None:
    snapshot, use = ingestion.gauges.snapshot(), process_use()
    report.cpu_seconds = round(use.cpu_seconds, 3)
    report.peak_memory_bytes = use.peak_memory
    report.stages = [asdict(stage) for stage in snapshot.stages]
    if snapshot.stages:
        report.bound_by = str(find_bottleneck(PipelineSnapshot(0.0), snapshot))
    if ingestion.sampler is not None:
        report.loop_delay = delay_figures(ingestion.sampler.loop_delay)
