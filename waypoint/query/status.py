"""What there is: collections, the last run, cost and sizes; from the ledger, Chroma and files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
from anyio import to_thread

from waypoint.embedding.providers import bills
from waypoint.errors import StoreDamagedError, StoreUnavailableError
from waypoint.ingestion.collection_manager import recorded_origin
from waypoint.models import MetadataValue
from waypoint.observe.events import EventBus
from waypoint.query.jobs import JobStatus, told
from waypoint.query.open import OpenStore, open_for_reading
from waypoint.settings import Settings
from waypoint.sources.origin import Origin
from waypoint.storage.ledger.records import CachedCollection, LastRun, Spending
from waypoint.storage.ledgers import chosen_ledger
from waypoint.storage.stores import chosen_store

GIVE_UP_AFTER = 5.0
"""Seconds a server that went away is tried again: whoever asks for the status is waiting."""


@dataclass(slots=True)
class CollectionStatus:
    """A collection; figures that cannot be had are None."""

    name: str
    chunks: int | None = None
    """That Chroma holds."""
    documents: int | None = None
    """That the ledger knows."""
    incomplete: int | None = None
    """Of them, those that a run has started and not completed."""
    chunks_of_ledger: int | None = None
    rejects: int | None = None
    model: str | None = None
    dimensions: int | None = None
    provider: str | None = None
    chunking: str | None = None
    knowledge_base: str | None = None
    options: str | None = None
    """What ingestions were told of the folder, as options of ``ingest``; empty for nothing."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The latest run, as the ledger has it and, where it is still there, its report."""

    run_id: str
    started: str
    """UTC, ISO 8601."""
    ended: str | None
    complete: bool
    """It dealt with everything: neither stopped, nor failed, nor killed."""
    report: str | None
    exit_code: int | None
    seconds: float | None
    texts_embedded: int | None


@dataclass(slots=True)
class Status:
    """Everything, as far as it could be had; ``notices`` say what could not, and why."""

    store: str
    collections: list[CollectionStatus] = field(default_factory=list)
    last_run: RunStatus | None = None
    spending: list[Spending] = field(default_factory=list)
    cost_usd: float | None = None
    """Billed to date; None where the ledger cannot be read."""
    jobs: list[JobStatus] = field(default_factory=list)
    """Live batch jobs."""
    bytes: dict[str, int] = field(default_factory=dict)
    """On disk: of ``ledger``, ``chroma`` (an embedded one), ``logs``."""
    notices: list[str] = field(default_factory=list)


async def read_status(settings: Settings, events: EventBus) -> Status:
    """Ask all that can be asked at once.

    Raises:
        UsageError: there is no store.
        StoreLockedError: the embedded store is in use.
    """
    settings = settings.model_copy(
        update={"chroma_give_up_after": min(GIVE_UP_AFTER, settings.chroma_give_up_after)}
    )
    server, folder = chosen_store(settings).address(settings), settings.chroma_persist_path
    status = Status(f"{server}; ledger in {folder}" if server else str(folder))
    status.bytes = await to_thread.run_sync(_sizes, settings)
    try:
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(open_for_reading(settings, events))
            await _read(status, settings, store)
    except (StoreDamagedError, StoreUnavailableError) as error:
        status.notices.append(error.message)
    return status


async def _read(status: Status, settings: Settings, store: OpenStore) -> None:
    by_name: dict[str, CollectionStatus] = {}
    if store.ledger is None:
        status.notices.append(store.no_ledger)
    else:
        for cached in await store.ledger.cached_collections():
            by_name[cached.name] = _from_ledger(cached)
        status.spending = await store.ledger.spending()
        status.cost_usd = math.fsum(s.cost_usd for s in status.spending if bills(s.provider))
        if store.ledger.batch is not None:
            status.jobs = told(await store.ledger.batch.jobs(live=True))
        run = await store.ledger.last_run()
        if run is not None:
            status.last_run = await to_thread.run_sync(_last_run, run, settings.log_dir)
    status.collections = list(by_name.values())
    for name in await store.reader.names():
        state = await store.reader.open(name)
        if state is None:
            continue
        entry = by_name.setdefault(name, CollectionStatus(name))
        entry.chunks = state.count
        _describe(entry, state.metadata)
        known = await store.ledger.collection(name) if store.ledger else None
        _tell_origin(entry, recorded_origin(known, state))
    status.collections = sorted(by_name.values(), key=lambda entry: entry.name)


def _from_ledger(cached: CachedCollection) -> CollectionStatus:
    status = CollectionStatus(
        name=cached.name,
        documents=cached.documents,
        incomplete=cached.incomplete,
        chunks_of_ledger=cached.chunks,
        rejects=cached.rejects,
    )
    _tell_origin(status, Origin.stored(cached.root, cached.selection))
    return status


def _tell_origin(entry: CollectionStatus, origin: Origin | None) -> None:
    if origin is not None:
        entry.knowledge_base, entry.options = str(origin), origin.options()


def _describe(entry: CollectionStatus, metadata: Mapping[str, MetadataValue]) -> None:
    """What the collection's metadata say of how it was made; another's say nothing."""
    match metadata:
        case {
            "waypoint_model": str(model),
            "waypoint_dimensions": int(dimensions),
            "waypoint_provider": str(provider),
            "waypoint_chunking": str(chunking),
        }:
            entry.model, entry.dimensions = model, dimensions
            entry.provider, entry.chunking = provider, chunking


def _last_run(run: LastRun, log_dir: Path) -> RunStatus:
    path = log_dir / f"run-{run.run_id}.json"
    try:
        report = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        report = {}
    return RunStatus(
        run_id=run.run_id,
        started=_iso(run.started),
        ended=None if run.ended is None else _iso(run.ended),
        complete=run.complete,
        report=str(path) if report else None,
        exit_code=report.get("exit_code"),
        seconds=report.get("seconds"),
        # A report of an earlier version has another name for it.
        texts_embedded=report.get("texts_embedded", report.get("texts_paid")),
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat("T", "seconds")


def _sizes(settings: Settings) -> dict[str, int]:
    folder, store = settings.chroma_persist_path, chosen_store(settings)
    sizes = {"logs": _size([settings.log_dir])}
    if folder.is_dir():
        sizes["ledger"] = _size(chosen_ledger(settings).files(folder))
        if not store.address(settings):
            sizes[settings.vector_store] = _size(store.files(folder))
    return sizes


def _size(paths: Iterable[Path]) -> int:
    """Bytes of files and of what lies in folders; what vanishes meanwhile counts nothing."""
    total = 0
    for path in paths:
        for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
            try:
                total += file.stat().st_size if file.is_file() else 0
            except OSError:
                continue
    return total
