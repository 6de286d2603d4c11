"""One ingestion, from its settings to its report."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio
from anyio import to_thread

from waypoint.app.service import SIMULATOR, Endpoint, LazyEmbedder, find_endpoint
from waypoint.app.store import open_store
from waypoint.chunking import Chunker, ChunkingSettings
from waypoint.embedding.batching import BatchBuilder
from waypoint.embedding.known_models import known_model
from waypoint.embedding.quota import Quota, limits_for
from waypoint.embedding.retrying import RetryingEmbedder
from waypoint.embedding.text_key import TextKeys
from waypoint.errors import InterruptedRunError
from waypoint.events import EventBus, QuotaChanged, RunStarted, Surveyed
from waypoint.models import Document, SourceFile
from waypoint.pipeline.collection_keeper import CollectionKeeper, Recipe
from waypoint.pipeline.in_flight import InFlight
from waypoint.pipeline.intake import Discovery, Intake
from waypoint.pipeline.lookup import Lookup
from waypoint.pipeline.messages import Candidate
from waypoint.pipeline.paying import Payer
from waypoint.pipeline.pipeline import Pipeline, Stages
from waypoint.pipeline.removal import Removal
from waypoint.pipeline.shutdown import watch_signals
from waypoint.pipeline.writing import Writer
from waypoint.service_day import service_day
from waypoint.settings import QuotaTier, Settings
from waypoint.sources.discover import discover
from waypoint.sources.reading import read_document
from waypoint.sources.registry import default_registry
from waypoint.stopping import Stop
from waypoint.storage.chroma import ChromaStore
from waypoint.storage.ledger import Ledger
from waypoint.storage.ledger_thread import LedgerThread, open_ledger
from waypoint.storage.lock import StoreLock

DEFAULT_COLLECTION = "waypoint_kb"


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """What is asked of one run, beyond the settings."""

    simulate: bool = False
    category: str | None = None
    prune: bool = False
    clear: bool = False
    survey: bool = False
    """Count the folder first, for a progress display that knows the whole."""


def new_run_id() -> str:
    """Sorts by time, and is unlike any other."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def collection_name(settings: Settings, provider: str) -> str:
    """The name that was given, else the default: simulated vectors have one of their own."""
    if settings.collection_name is not None:
        return settings.collection_name
    return f"{DEFAULT_COLLECTION}_simulated" if provider == SIMULATOR else DEFAULT_COLLECTION


class Ingestion:
    """A run. ``quota_share`` may be asked while it goes on."""

    def __init__(self, settings: Settings, options: IngestOptions, events: EventBus) -> None:
        self.run_id = new_run_id()
        self.standing_rejects = 0
        self._settings = settings
        self._options = options
        self._events = events
        self._registry = default_registry()
        self._quota: Quota | None = None

    def quota_share(self) -> float | None:
        """Texts of the last minute, as a share of the limit; None without a limit."""
        return self._quota.share_in_use if self._quota else None

    async def run(self) -> None:
        """Ingest. What was done before an error stays done.

        Raises:
            WaypointError: with what to do about it; ``InterruptedRunError`` after a signal.
        """
        stop = Stop()
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as watch:
                watch.start_soon(watch_signals, stop, scope)
                await self._run(stop)
                watch.cancel_scope.cancel()
        if stop.requested:
            raise InterruptedRunError(
                f"stopped: {stop.reason}",
                hint="run the same command again to go on; what is paid for is kept",
            )

    async def _run(self, stop: Stop) -> None:
        settings = self._settings
        # Told before anything is opened: what is wrong with the command, not with the world.
        model = known_model(settings.embedding_model)
        root = settings.knowledge_base_path
        await to_thread.run_sync(self._discover)
        endpoint = await find_endpoint(settings, simulate=self._options.simulate)
        async with AsyncExitStack() as stack:
            lock = stack.enter_context(StoreLock(settings.chroma_persist_path))
            ledger = await stack.enter_async_context(open_ledger(settings.chroma_persist_path))
            store = await stack.enter_async_context(
                open_store(settings.store, lock, settings.log_dir, self._events)
            )
            embedder = LazyEmbedder(settings, endpoint, stack)
            chunker = Chunker(ChunkingSettings(settings.chunk_size, settings.chunk_overlap))
            recipe = Recipe(embedder.space, chunker.settings.fingerprint())
            keeper = CollectionKeeper(store, ledger, self._events, recipe, model)
            name = collection_name(settings, endpoint.provider)
            self._tell_start(name, endpoint)
            await keeper.open(name, str(root.resolve()), clear=self._options.clear)
            if self._options.survey:
                await self._survey()
            await self._flow(stop, store, ledger, keeper, embedder, chunker)

    async def _flow(
        self,
        stop: Stop,
        store: ChromaStore,
        ledger: LedgerThread,
        keeper: CollectionKeeper,
        embedder: LazyEmbedder,
        chunker: Chunker,
    ) -> None:
        settings, events, collection = self._settings, self._events, keeper.entry
        model, space = known_model(settings.embedding_model), embedder.space
        quota = await self._open_quota(ledger, embedder)
        retrying = RetryingEmbedder(
            embedder, quota, stop, events, give_up_after=settings.give_up_after
        )
        in_flight = InFlight()
        writer = Writer(store, ledger, collection.id, events, keeper.raise_generation)
        intake = Intake(
            ledger,
            collection.id,
            events,
            discover=self._discover,
            read=self._read,
            plan=chunker.plan,
            model=model,
            task_type=space.task_type,
            keys=TextKeys(space),
        )
        payer = Payer(
            retrying, ledger, in_flight, stop, events,
            space=space, model=model, today=service_day,
        )  # fmt: skip
        builder: BatchBuilder[Candidate] = BatchBuilder(
            settings.batch_size, lambda: quota.best_batch
        )
        stages = Stages(intake, Lookup(store, ledger, in_flight, events), builder, payer, writer)
        pipeline = Pipeline(
            stages,
            stop,
            events,
            concurrency=settings.concurrency,
            drain_grace=settings.drain_grace,
        )
        try:
            await pipeline.run()
            if intake.walk.complete and not stop.requested:
                removal = Removal(
                    ledger, writer, collection, events,
                    root=str(settings.knowledge_base_path.resolve()),
                    category=self._options.category, prune=self._options.prune,
                )  # fmt: skip
                await removal.run(intake.walk)
        finally:
            with anyio.CancelScope(shield=True):
                self.standing_rejects = await ledger.run(Ledger.standing_rejects, collection.id)

    async def _open_quota(self, ledger: LedgerThread, embedder: LazyEmbedder) -> Quota:
        simulated = embedder.space.provider == SIMULATOR and self._options.simulate
        limits = limits_for(self._settings.quota, simulated=simulated)
        used = await ledger.run(Ledger.texts_used, service_day().isoformat(), embedder.space)
        self._quota = Quota(
            limits,
            self._events,
            adaptive=self._settings.quota_tier is QuotaTier.AUTO and not simulated,
            used_today=used,
            largest_text_tokens=self._settings.chunk_size,
        )
        self._events.emit(QuotaChanged(limits.rpm, limits.tpm, "at the start"))
        return self._quota

    def _tell_start(self, name: str, endpoint: Endpoint) -> None:
        settings = self._settings
        self._events.emit(
            RunStarted(
                self.run_id,
                name,
                endpoint.provider,
                settings.embedding_model,
                settings.embedding_dimensions,
                str(settings.knowledge_base_path),
                settings.concurrency,
            )
        )

    def _discover(self) -> Iterator[Discovery]:
        return discover(
            self._settings.knowledge_base_path,
            registry=self._registry,
            category=self._options.category,
            max_file_size=self._settings.max_file_size,
        )

    def _read(self, file: SourceFile) -> Document:
        return read_document(
            file, registry=self._registry, max_file_size=self._settings.max_file_size
        )

    async def _survey(self) -> None:
        def count() -> Surveyed:
            files = size = 0
            for entry in self._discover():
                if isinstance(entry, SourceFile):
                    files += 1
                    size += entry.size
            return Surveyed(files, size)

        self._events.emit(await to_thread.run_sync(count))
