"""The ingest command: display, log, report, summary and exit code around one ingestion."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

from waypoint.cli.monitoring import monitored
from waypoint.cli.proxies import spare_loopback
from waypoint.commands.failures import flatten, tell_failure
from waypoint.commands.mounts import check_mounts
from waypoint.commands.summary import print_plan, print_summary
from waypoint.errors import ExitCode, WaypointError
from waypoint.files import keep_private, make_log_folder, told
from waypoint.ingest import runtime
from waypoint.ingest.options import IngestOptions
from waypoint.ingest.plan import make_plan
from waypoint.ingest.run import Ingestion
from waypoint.observe.display import Display, LineDisplay, LiveDisplay
from waypoint.observe.events import EventBus, RunEnded
from waypoint.observe.gauges import PipelineSnapshot
from waypoint.observe.gauges.binding import binding_stage
from waypoint.observe.gauges.process import process_use
from waypoint.observe.logs import JsonLog
from waypoint.observe.report import ReportBuilder, RunReport, write_report
from waypoint.observe.sampler import delay_figures
from waypoint.observe.terminal import Terminal, print_bytes
from waypoint.settings import LogLevel, Settings, load_settings


class IngestCommand:
    """One call of ``ingest``. ``options``: settings by name, None where not given."""

    def __init__(
        self,
        options: dict[str, Any],
        ingest: IngestOptions,
        *,
        json: bool = False,
        verbose: bool = False,
    ) -> None:
        # Whatever a person reads goes to stderr: stdout is the report's alone.
        self._console = Terminal(stderr=True)
        self._options = options
        self._json = json
        self._verbose = verbose
        self._ingest = replace(ingest, survey=self._console.is_terminal)

    def plan(self) -> int:
        """``--dry-run``: the exit code is that of a run with the same rejects."""
        try:
            settings = self._load()
            check_mounts(settings, settings.knowledge_base_path, writes=False)
            plan = make_plan(settings, self._ingest)
        except Exception as error:
            return self._fail(error)
        if self._json:
            print_bytes(plan.to_json())
        print_plan(self._console, plan)
        incomplete = plan.rejected or plan.texts_refused_before
        return ExitCode.INCOMPLETE if incomplete else ExitCode.OK

    def run(self) -> int:
        """Ingest; returns the exit code."""
        try:
            settings = self._load()
            check_mounts(settings, settings.knowledge_base_path)
            make_log_folder(settings.log_dir)
            spare_loopback()
            return self._run(settings)
        except Exception as error:
            return self._fail(error)

    def _fail(self, error: Exception) -> int:
        failure = flatten(error)
        tell_failure(self._console, failure, verbose=self._verbose)
        return failure.exit_code

    def _load(self) -> Settings:
        level = LogLevel.DEBUG if self._verbose else None
        settings = load_settings(**self._options, log_level=level)
        keep_private(wanted=settings.private_files)
        return settings

    def _run(self, settings: Settings) -> int:
        runtime.tune_process()
        events = EventBus()
        # Who looks at a run wants to know how much there is.
        survey = self._ingest.survey or settings.metrics_port is not None
        ingestion = Ingestion(settings, replace(self._ingest, survey=survey), events)
        reporting = ReportBuilder()
        report = reporting.report
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
            display = stack.enter_context(self._display(settings, ingestion))
            for listener in (reporting, log, display):
                events.subscribe(listener)
            failure = runtime.run(_ingest, settings, ingestion, reporting, events)
        _tell_resources(report, ingestion)
        for name, written in (("log", log), ("samples", ingestion.sampler)):
            if written is not None and written.failure is not None:
                report.notices.append(f"the {name} could not be written: {told(written.failure)}")
        path = None
        try:
            path = write_report(report, settings.log_dir)
        except OSError as error:
            report.notices.append(f"the report could not be written: {told(error)}")
        if self._json:
            print_bytes(report.to_json())
        if failure is not None:
            tell_failure(self._console, failure, verbose=self._verbose)
        print_summary(self._console, report, path)
        return report.exit_code

    def _display(self, settings: Settings, ingestion: Ingestion) -> Display:
        if self._console.is_terminal and not self._verbose:
            return LiveDisplay(self._console, ingestion.quota_share)
        return LineDisplay(
            self._console,
            ingestion.quota_share,
            form=settings.log_format,
            least=settings.log_level,
            run_id=ingestion.run_id,
        )


async def _ingest(
    settings: Settings, ingestion: Ingestion, reporting: ReportBuilder, events: EventBus
) -> WaypointError | None:
    """Run to the end, which is told while a monitor still listens; returns what it failed of."""
    report = reporting.report
    failure: WaypointError | None = None
    async with monitored(settings, ingestion, report, events):
        try:
            await ingestion.run()
        except Exception as error:
            failure = flatten(error)
        rejects = ingestion.rejects
        report.standing = rejects.listed
        report.rejects_file = str(rejects.file or "")
        code = _exit_code(rejects.count + report.removals_refused, failure)
        message, hint = (failure.message, failure.hint) if failure else ("", "")
        events.emit(RunEnded(rejects.count, code, message, hint, reporting.seconds))
    return failure


def _tell_resources(report: RunReport, ingestion: Ingestion) -> None:
    snapshot, use = ingestion.gauges.snapshot(), process_use()
    report.cpu_seconds = round(use.cpu_seconds, 3)
    report.peak_memory_bytes = use.peak_memory
    report.stages = [asdict(stage) for stage in snapshot.stages]
    if snapshot.stages:
        report.bound_by = str(binding_stage(PipelineSnapshot(0.0), snapshot))
    if ingestion.sampler is not None:
        report.loop_delay = delay_figures(ingestion.sampler.loop_delay)


def _exit_code(incomplete: int, failure: WaypointError | None) -> ExitCode:
    if failure is not None:
        return failure.exit_code
    return ExitCode.INCOMPLETE if incomplete else ExitCode.OK
