"""A run to its end: what it failed of, if it did, and the exit code that says so."""

from __future__ import annotations

from waypoint.errors import ExitCode, StoppedEarlyError, WaypointError
from waypoint.failures import flatten
from waypoint.ingestion.run import Ingestion
from waypoint.ingestion.standing_rejects import StandingRejects
from waypoint.observe.events import EventBus, RunEnded
from waypoint.observe.progress import Progress
from waypoint.settings import FailOn, Settings


async def run_to_end(
    settings: Settings, ingestion: Ingestion, progress: Progress, events: EventBus
) -> WaypointError | None:
    """Ingest, and put down how it ended: in the report and by the last event.

    ``progress`` listens to ``events``. Returns what the run failed of.
    """
    report = progress.report
    failure: WaypointError | None = None
    try:
        await ingestion.run()
    except Exception as error:
        failure = flatten(error)
    rejects = ingestion.rejects
    report.standing = rejects.listed
    code = _exit_code(_counted(rejects, settings.fail_on) + report.removals_refused, failure)
    if failure is None and code == ExitCode.OK and report.is_empty:
        code = ExitCode.INCOMPLETE
        report.notices.append(f"no document was found in {report.knowledge_base}")
    if isinstance(failure, StoppedEarlyError):
        report.stopped_for = failure.reason
    message, hint = (failure.message, failure.hint) if failure else ("", "")
    file = str(rejects.file or "")
    events.emit(RunEnded(rejects.count, code, message, hint, progress.seconds, file))
    return failure


def _counted(rejects: StandingRejects, fail_on: FailOn) -> int:
    """Rejects that the exit code is to tell of."""
    return {FailOn.NEVER: 0, FailOn.NEW_REJECTS: rejects.new}.get(fail_on, rejects.count)


def _exit_code(incomplete: int, failure: WaypointError | None) -> ExitCode:
    if failure is not None:
        return failure.exit_code
    return ExitCode.INCOMPLETE if incomplete else ExitCode.OK
