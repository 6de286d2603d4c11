"""Waypoint in another program, which stays as it is.

Nothing here touches the host's signal handlers, loggers, working folder, umask or environment, or
reads the ``.env`` and ``waypoint.toml`` of its folder. Settings are keywords, by their names in
small letters (``collection_name``, ``chroma_persist_path``, ``log_dir``), else the environment's
variables, else the defaults. Each function runs on the loop that awaits it, asyncio's or uvloop's,
in any thread. Several runs may go on at once over stores of their own.

All raise ``WaypointError``, with ``message``, ``hint`` and ``exit_code``: of bad settings
(``ConfigurationError``), a store in use (``StoreLockedError``), a key that is refused, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread

from waypoint.errors import WaypointError
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.outcome import run_to_end
from waypoint.ingestion.plan import Plan, make_plan
from waypoint.ingestion.run import Ingestion
from waypoint.ingestion.shutdown import Interruption
from waypoint.ingestion.single_files import given_paths
from waypoint.observe.events import Event, EventBus
from waypoint.observe.logs import JsonLog
from waypoint.observe.progress import Progress
from waypoint.observe.report import RunReport, write_report
from waypoint.query.search import SearchResult
from waypoint.query.search import search as search_store
from waypoint.settings import Settings, load_keywords
from waypoint.verification.checks import checks_named
from waypoint.verification.run import Verification, VerifyOptions
from waypoint.verification.verdict import Verdict

__all__ = [
    "Event",
    "Plan",
    "RunReport",
    "SearchResult",
    "Verdict",
    "WaypointError",
    "ingest",
    "plan",
    "search",
    "verify",
]

Listener = Callable[[Event], None]
"""Is called on the loop, for each event; docs/logs.md lists them. It must not block or raise."""


async def ingest(
    *paths: str | Path,
    simulate: bool = False,
    category: str | None = None,
    allow_mass_delete: bool = False,
    clear: bool = False,
    root_moved: bool = False,
    root_name: str | None = None,
    reread: bool = False,
    retry_rejects: bool = False,
    on_event: Listener | None = None,
    **settings: Any,
) -> RunReport:
    """Ingest what changed in the folders, or the single files; as the command does.

    The options are the command's (``root_name`` is ``--as``), ``settings`` the settings by name.
    Returns the report, whose ``ok`` says that nothing is rejected or left; it is written to
    ``log_dir`` as well, beside the log.

    A cancellation drains as a signal does: what is in flight is finished, for at most
    ``shutdown_timeout`` seconds, before it goes on its way. The same call later goes on.

    Raises:
        WaypointError: what the run failed of. What was done before stays done.
    """
    given = given_paths(map(Path, paths), category)
    options = IngestOptions(
        simulate=simulate,
        category=category,
        allow_mass_delete=allow_mass_delete,
        clear=clear,
        root_moved=root_moved,
        root_name=root_name,
        further_paths=given.further,
        files=given.files,
        reread=reread,
        retry_rejects=retry_rejects,
    )
    loaded = _load(settings, given.folder)
    progress, interruption, events = Progress(), Interruption(), EventBus()
    ingestion = Ingestion(loaded, options, events, interruption)
    report = progress.report
    report.run_id = ingestion.run_id
    log = JsonLog(
        loaded.log_dir,
        ingestion.run_id,
        loaded.log_level,
        most_bytes=loaded.log_max_bytes,
        backups=loaded.log_backups,
    )
    for listener in (progress, log, on_event):
        if listener is not None:
            events.subscribe(listener)
    with log:
        failure = await _drained(
            partial(run_to_end, loaded, ingestion, progress, events), interruption
        )
    try:
        await to_thread.run_sync(write_report, report, loaded.log_dir)
    except OSError as error:
        report.notices.append(f"the report could not be written: {error.strerror}")
    if failure is not None:
        raise failure
    return report


async def plan(
    *paths: str | Path, simulate: bool = False, category: str | None = None, **settings: Any
) -> Plan:
    """What :func:`ingest` would do, and cost; reads and cuts all documents, in a thread."""
    given = given_paths(map(Path, paths), category)
    options = IngestOptions(
        simulate=simulate, category=category, further_paths=given.further, files=given.files
    )
    loaded = _load(settings, given.folder)
    # On a loop of its own: cutting documents would hold up the host's.
    return await to_thread.run_sync(lambda: anyio.run(make_plan, loaded, options))


async def verify(
    path: str | Path | None = None,
    *,
    checks: Sequence[str] = (),
    queries: str | Path | None = None,
    sample: int = 0,
    recall: int = 0,
    simulate: bool = False,
    **settings: Any,
) -> Verdict:
    """Compare the collection with the folder (that of the last ingestion, if none is given).

    ``checks``: names of checks, or of groups; all of them if none is named. ``sample``, ``recall``:
    chunks to embed anew, and to ask Chroma's index for. The verdict's ``passed`` says how it went.
    """
    options = VerifyOptions(
        checks=checks_named(checks),
        queries=Path(queries) if queries else None,
        sample=sample,
        recall=recall,
        simulate=simulate,
    )
    loaded = _load(settings, Path(path) if path else None)
    verification = Verification(
        loaded, options, EventBus(), lambda _told: None, lambda _what, _done, _all: None
    )
    try:
        verdict = await verification.run()
    finally:
        verification.inventory.close()
    if verification.failure is not None:
        raise verification.failure
    return verdict


async def search(
    question: str,
    *,
    top: int = 5,
    where: Sequence[str] = (),
    simulate: bool = False,
    **settings: Any,
) -> SearchResult:
    """The ``top`` passages nearest to a question; ``where``: ``key=value`` of their metadata."""
    loaded = _load(settings, None)
    return await search_store(loaded, question, EventBus(), top=top, where=where, simulate=simulate)


def _load(settings: dict[str, Any], folder: Path | None) -> Settings:
    return load_keywords(**settings, **({} if folder is None else {"knowledge_base_path": folder}))


async def _drained(run: Callable[[], Any], interruption: Interruption) -> WaypointError | None:
    """Run it; if this is cancelled, ask it to stop and wait for it before going on."""
    failure: WaypointError | None = None
    ended = anyio.Event()

    async def run_shielded() -> None:
        nonlocal failure
        with anyio.CancelScope(shield=True):
            failure = await run()
        ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(run_shielded)
        try:
            await ended.wait()
        except anyio.get_cancelled_exc_class():
            interruption.request("cancelled")
            raise
    return failure
