"""One ingestion: its resources, its attempts, and what is repaired between them."""

from __future__ import annotations

import math
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from waypoint.chunking import Chunker
from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.lazy_embedder import LazyEmbedder
from waypoint.embedding.port import Endpoint, Provider
from waypoint.embedding.providers import chosen_model, find_endpoint, model_of, with_simulator
from waypoint.embedding.rate_limit import Quota
from waypoint.errors import (
    InterruptedRunError,
    LedgerDamagedError,
    LedgerError,
    StoreDamagedError,
    StoreWriteError,
)
from waypoint.ingestion.account import budget_of, open_quota
from waypoint.ingestion.chunk_setup import build_chunker
from waypoint.ingestion.collection_manager import CollectionManager
from waypoint.ingestion.commits import Billed
from waypoint.ingestion.discover import survey
from waypoint.ingestion.flow import Flow
from waypoint.ingestion.jobs.collect import Collector
from waypoint.ingestion.jobs.parts import JobParts
from waypoint.ingestion.jobs.passes import Passes, check_mode
from waypoint.ingestion.jobs.queue import JobQueue
from waypoint.ingestion.jobs.route import Route
from waypoint.ingestion.jobs.runner import JobRunner
from waypoint.ingestion.jobs.service import JobService
from waypoint.ingestion.jobs.submit import Submitter
from waypoint.ingestion.jobs.watch import Watcher
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.origin_check import SettledOrigin, given_folders, settle
from waypoint.ingestion.rebuild import Rebuilding
from waypoint.ingestion.recipe import Recipe
from waypoint.ingestion.recovery import prepare_rebuild, quarantine_ledger, take_over_jobs
from waypoint.ingestion.shutdown import Interruption, watch_signals
from waypoint.ingestion.standing_rejects import StandingRejects, list_rejects, standing_before
from waypoint.models import FURTHER_ROOT, EmbeddingSpace, EstimatedQuota
from waypoint.observe.events import EventBus, QuotaChanged, RunRepeated, RunStarted, StoreNotice
from waypoint.observe.gauges import Gauges, QuotaState
from waypoint.observe.sampler import Sampler
from waypoint.settings import FailOn, Mode, Settings
from waypoint.sources.kinds import open_source
from waypoint.sources.origin import Origin
from waypoint.sources.port import Root, Source
from waypoint.stopping import Stop
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledgers import chosen_ledger
from waypoint.storage.lock import StoreLock
from waypoint.storage.port import VectorStore
from waypoint.storage.stores import OpenedStore, Upkeep, chosen_store

DEFAULT_COLLECTION = "waypoint_kb"

MOST_REPAIRS = 2
"""Times a run starts over after the store, or the ledger, was found damaged and repaired."""


def new_run_id() -> str:
    """Sorts by time, and is unlike any other."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def collection_name(settings: Settings, provider: Provider) -> str:
    """The name that was given, else the default: simulated vectors have one of their own."""
    return settings.collection_name or DEFAULT_COLLECTION + provider.suffix


class Ingestion:
    """A run: ask ``quota_state`` and ``gauges`` while it goes on, ``rejects`` afterwards."""

    def __init__(
        self,
        settings: Settings,
        options: IngestOptions,
        events: EventBus,
        interruption: Interruption | None = None,
    ) -> None:
        """``interruption``: of a host that says when to stop; signals are then its own affair."""
        self.run_id = new_run_id()
        self.rejects = StandingRejects()
        self.gauges = Gauges()
        self.sampler: Sampler | None = None
        if settings.stats_interval:
            path = settings.log_dir / f"run-{self.run_id}.stats.jsonl"
            self.sampler = Sampler(self.gauges, path, settings.stats_interval)
        self._settings = settings = with_simulator(settings, simulate=options.simulate)
        self._stores, self._ledgers = chosen_store(settings), chosen_ledger(settings)
        self._options = options
        self._events = events
        self._quota: Quota | None = None
        # Of the run, however many attempts it takes.
        self._budget = budget_of(settings)
        self._kept: list[Billed] = []
        self._heeds_signals = interruption is None
        self._interruption = interruption or Interruption()
        # Done once, not again by an attempt after a repair.
        self._to_clear = options.clear
        self._to_retry = options.retry_rejects
        self._to_survey = options.survey
        self._to_rebuild = options.rebuild
        self._repaired = False
        """Since the attempt before; the one to come begins anew."""
        self._told: set[str] = set()

    def quota_state(self) -> QuotaState | None:
        """What is used of the quota; None before it is known."""
        return self._quota.state() if self._quota else None

    async def run(self) -> None:
        """Ingest. What was done before an error stays done.

        Raises:
            WaypointError: with what to do about it; ``InterruptedRunError`` after a signal.
        """
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as watch:
                if self._heeds_signals:
                    watch.start_soon(watch_signals, self._interruption, scope)
                if self.sampler is not None:
                    watch.start_soon(self.sampler.run)
                await self._run(watch)
                watch.cancel_scope.cancel()
        if self._interruption.reason:
            raise InterruptedRunError(
                f"stopped: {self._interruption.reason}",
                hint="run the same command again to go on; what is embedded is kept",
            )

    async def _run(self, background: TaskGroup) -> None:
        settings = self._settings
        # Told before anything is opened: what is wrong with the command, not with the world.
        chosen_model(settings)
        for one in given_folders(settings, self._options):
            given = open_source([Root("", one)], self._options.category)
            await to_thread.run_sync(given.discover)
            await to_thread.run_sync(given.check_readers)
        endpoint = await find_endpoint(settings)
        check_mode(settings, endpoint, detach=self._options.detach)
        self._tell_start(endpoint)
        for notice in endpoint.notices:
            self._events.emit(StoreNotice(notice))
        folder = settings.chroma_persist_path
        if not self._ledgers.exists(folder):
            # A first run will call for sure: the SDK loads while Chroma starts.
            background.start_soon(endpoint.provider.preload)
        async with AsyncExitStack() as stack:
            lock = stack.enter_context(StoreLock(folder))
            opened = await stack.enter_async_context(
                self._stores.open(settings, lock, self._events)
            )
            embedder = LazyEmbedder(endpoint, self._space(endpoint.provider), stack)
            stack.callback(self._tell_lost)
            damaged: Path | None = None
            for repairs_left in range(MOST_REPAIRS, -1, -1):
                try:
                    async with self._ledgers.open(folder) as ledger:
                        if damaged is not None:
                            await take_over_jobs(ledger, damaged, self._events)
                            damaged = None
                        await self._attempt(lock, opened, ledger, embedder)
                        return
                except LedgerDamagedError as error:
                    if not repairs_left:
                        raise
                    damaged = await quarantine_ledger(self._ledgers, folder, error, self._events)
                    self._repaired = True
                except StoreDamagedError as error:
                    if not repairs_left:
                        raise
                    rebuilt = self._to_rebuild
                    await prepare_rebuild(opened.upkeep, error, self._events, rebuilt=rebuilt)
                    self._repaired = self._to_rebuild = True

    async def _attempt(
        self,
        lock: StoreLock,
        opened: OpenedStore,
        ledger: Ledger,
        embedder: LazyEmbedder,
    ) -> None:
        settings, store, upkeep = self._settings, opened.store, opened.upkeep
        most = settings.workers * settings.batch_size
        killed = await ledger.start_run(self.run_id, most, lock.ended_runs)
        if lock.ended_runs:
            lock.note_ended()
        if killed:
            self._events.emit(
                StoreNotice(
                    "an earlier run was killed, or could not note its end: of at most "
                    f"{killed:,} texts that were in flight then, those whose answer had not "
                    "arrived are embedded again"
                )
            )
        model = model_of(embedder.space)
        chunker = build_chunker(settings, model)
        recipe = Recipe(embedder.space, chunker.settings.fingerprint())
        name = collection_name(settings, embedder.endpoint.provider)
        rebuilding = Rebuilding(name, store, ledger, self._events, upkeep.restart)
        manager = CollectionManager(store, ledger, self._events, recipe, rebuilding)
        if settings.fail_on == FailOn.NEW_REJECTS and not self.rejects.before:
            # Before --clear or --retry-rejects takes them away.
            self.rejects.before = await standing_before(ledger, name)
        complete = False
        finished: int | None = None
        try:
            if self._to_clear:
                # Afterwards the ledger would no longer know whose texts they are.
                await self._retry_rejects(ledger, name, ("", FURTHER_ROOT))
            source = await self._open(manager, name)
            if self._repaired:
                dropped = self._to_rebuild and not rebuilding.whole
                self._events.emit(RunRepeated(dropped=dropped))
            self._to_clear = self._to_rebuild = self._repaired = False
            await self._retry_rejects(ledger, name, source.scopes)
            unfinished = await ledger.start_filling(manager.entry.id)
            await self._flow(source, store, ledger, embedder, manager, chunker)
            complete = not self._interruption.reason
            # A category, or a file, that is dealt with says nothing about the others.
            if complete and not (unfinished and (self._options.category or self._options.files)):
                finished = manager.entry.id
        finally:
            with anyio.CancelScope(shield=True):
                await self._note_end(lock, ledger, upkeep, complete=complete, finished=finished)
                await self._list_rejects(ledger, name)

    async def _note_end(
        self,
        lock: StoreLock,
        ledger: Ledger,
        upkeep: Upkeep,
        *,
        complete: bool,
        finished: int | None,
    ) -> None:
        """Let the next run know that this one was not killed; a full disk is no reason to fail."""
        try:
            if upkeep.has_died:
                await ledger.suspect_collections()
            await ledger.end_run(self.run_id, complete=complete, finished=finished)
        except LedgerDamagedError:
            raise
        except (StoreWriteError, LedgerError) as error:
            # Without a word of it the next run suspects every collection, as it then should.
            if not upkeep.has_died:
                await to_thread.run_sync(lock.note_ended, self.run_id)
            self._events.emit(StoreNotice(f"the run's end is not in the ledger: {error.message}"))

    async def _open(self, manager: CollectionManager, name: str) -> Source:
        """Open the collection; returns the folder as it is to be walked."""
        options = replace(self._options, clear=self._to_clear)
        settled: SettledOrigin | None = None

        def settle_origin(recorded: Origin | None, empty: bool) -> Origin:
            nonlocal settled
            settled = settle(self._settings, options, name, recorded, empty=empty)
            return settled.origin

        await manager.open(name, settle_origin, clear=options.clear, damaged=self._to_rebuild)
        assert settled is not None
        source = open_source(settled.roots, options.category)
        await to_thread.run_sync(source.check_readers)
        for notice in settled.notices:
            if notice not in self._told:
                self._told.add(notice)
                self._events.emit(StoreNotice(notice))
        if self._to_survey:
            self._events.emit(await to_thread.run_sync(survey, source))
            self._to_survey = False
        return source

    async def _retry_rejects(self, ledger: Ledger, name: str, scopes: Sequence[str]) -> None:
        if not self._to_retry:
            return
        rejected = 0
        for scope in scopes:
            rejected += await ledger.retry_rejects(name, scope)
        self._to_retry = False
        self._events.emit(StoreNotice(f"{rejected:,} rejected chunks are tried again"))

    async def _list_rejects(self, ledger: Ledger, name: str) -> None:
        self.rejects = await list_rejects(
            ledger,
            name,
            self._settings.chroma_persist_path,
            self._settings.log_dir,
            self._ledgers.exists,
            self.rejects.before,
        )
        if self.rejects.failure:
            self._events.emit(
                StoreNotice(f"the list of rejects could not be written: {self.rejects.failure}")
            )

    async def _flow(
        self,
        source: Source,
        store: VectorStore,
        ledger: Ledger,
        embedder: LazyEmbedder,
        manager: CollectionManager,
        chunker: Chunker,
    ) -> None:
        stop = Stop()
        self._interruption.watch(stop)
        self._quota = quota = await open_quota(
            self._settings.quota,
            embedder.endpoint.quota,
            ledger,
            embedder.space,
            self._events,
        )
        self._events.emit(QuotaChanged(quota.limits.rpm, quota.limits.tpm, "at the start"))
        parts = (source, store, ledger, manager, embedder, chunker, quota, self._budget, self._kept)
        flow = Flow(self._settings, *parts, self._events, self.gauges)

        async def run_pass(route: Route | None) -> None:
            options = self._options
            await flow.run(
                stop,
                allow_mass_delete=options.allow_mass_delete,
                reread=options.reread,
                route=route,
            )

        try:
            async with AsyncExitStack() as stack:
                passes = await self._passes(run_pass, ledger, embedder, quota, stop, stack)
                await (run_pass(None) if passes is None else passes.run())
        finally:
            if quota.estimated is not None:
                with anyio.CancelScope(shield=True):
                    await self._keep_quota(ledger, embedder.space, quota.estimated)

    async def _passes(
        self,
        run_pass: Callable[[Route], Awaitable[None]],
        ledger: Ledger,
        embedder: LazyEmbedder,
        quota: Quota,
        stop: Stop,
        stack: AsyncExitStack,
    ) -> Passes | None:
        """How batch jobs are gone about; None for a run that has nothing to do with any."""
        settings, events, endpoint = self._settings, self._events, embedder.endpoint
        space = embedder.space
        jobs = ledger.batch
        if endpoint.open_jobs is None or jobs is None:
            return None
        if settings.mode is Mode.INTERACTIVE and not any(
            job.space.provider == space.provider for job in await jobs.jobs(live=True)
        ):
            return None
        fallback = settings.batch_fallback
        parts = JobParts(
            space.provider,
            JobService(endpoint.open_jobs, stack, settings.give_up_after),
            jobs,
            JobQueue(settings.quota_tier),
            stop,
            events,
        )
        watcher = Watcher(
            parts,
            Collector(ledger, jobs, events, settings.workers),
            patience=3600 * settings.batch_patience,
            fallback=fallback,
        )
        submitter = Submitter(parts, self._budget, space, fallback=fallback)
        runner = JobRunner(parts, submitter, watcher, fallback)
        most = math.inf
        if settings.max_cost is not None:
            most = settings.max_cost / model_of(space).usd_per_million_tokens * 1_000_000
        detach, mode = self._options.detach, settings.mode
        return Passes(run_pass, runner, jobs, mode, space, quota, most, stop, events, detach)

    async def _keep_quota(
        self, ledger: Ledger, space: EmbeddingSpace, estimated: EstimatedQuota
    ) -> None:
        try:
            await ledger.keep_quota(space, estimated)
        except StoreWriteError as error:
            self._events.emit(StoreNotice(f"the quota that was found is not kept: {error.message}"))

    def _tell_lost(self) -> None:
        """Of what no ledger has come to take."""
        for billed in self._kept:
            self._events.emit(billed.lost())

    def _space(self, provider: Provider) -> EmbeddingSpace:
        model, dimensions = self._settings.embedding_model, self._settings.embedding_dimensions
        return EmbeddingSpace(provider.name, model, dimensions, DOCUMENT_TASK)

    def _tell_start(self, endpoint: Endpoint) -> None:
        settings = self._settings
        self._events.emit(
            RunStarted(
                self.run_id,
                collection_name(settings, endpoint.provider),
                endpoint.provider.name,
                settings.embedding_model,
                settings.embedding_dimensions,
                str(settings.knowledge_base_path),
                settings.concurrency,
            )
        )
