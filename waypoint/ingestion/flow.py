"""One pass of the pipeline over the folder, and the removals after it."""

from __future__ import annotations

from waypoint.chunking import Chunker
from waypoint.embedding.adaptive_concurrency import AdaptiveConcurrency
from waypoint.embedding.batching import BatchBuilder
from waypoint.embedding.budget import Budget
from waypoint.embedding.lazy_embedder import LazyEmbedder
from waypoint.embedding.metered import Account
from waypoint.embedding.providers import model_of
from waypoint.embedding.rate_limit import Quota
from waypoint.embedding.rate_limit.daily_reset import DailyReset
from waypoint.embedding.retrying import RetryingEmbedder
from waypoint.embedding.text_key import TextKeys
from waypoint.errors import StoreWriteError
from waypoint.ingestion.chunk import ChunkStage
from waypoint.ingestion.collection_manager import CollectionManager
from waypoint.ingestion.commits import Billed, Commits
from waypoint.ingestion.dedupe import DedupeStage
from waypoint.ingestion.delete import DeleteStage
from waypoint.ingestion.discover import DiscoverStage
from waypoint.ingestion.embed import EmbedStage
from waypoint.ingestion.in_flight import InFlight
from waypoint.ingestion.jobs.route import Route
from waypoint.ingestion.messages import Candidate
from waypoint.ingestion.pipeline import Pipeline, Stages
from waypoint.ingestion.read import ReadStage
from waypoint.ingestion.write import Writer
from waypoint.models import EstimatedQuota
from waypoint.observe.events import EventBus
from waypoint.observe.gauges import Gauges
from waypoint.settings import Settings
from waypoint.sources.port import Source
from waypoint.stopping import Stop
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.port import VectorStore


class Flow:
    """Builds the pipeline from its parts and runs it."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        store: VectorStore,
        ledger: Ledger,
        manager: CollectionManager,
        embedder: LazyEmbedder,
        chunker: Chunker,
        quota: Quota,
        budget: Budget | None,
        kept: list[Billed],
        events: EventBus,
        gauges: Gauges,
    ) -> None:
        self._settings = settings
        self._source = source
        self._store = store
        self._ledger = ledger
        self._manager = manager
        self._embedder = embedder
        self._chunker = chunker
        self._quota = quota
        self._budget = budget
        self._kept = kept
        self._events = events
        self._gauges = gauges

    async def run(
        self, stop: Stop, *, allow_mass_delete: bool, reread: bool, route: Route | None = None
    ) -> None:
        """Ingest what changed, then remove what vanished, unless texts wait for batch jobs.

        ``reread``: documents that another reader made count as changed.

        Raises:
            WaypointError: the first failure, once everything has drained.
        """
        settings, events, collection = self._settings, self._events, self._manager.entry
        writer = Writer(
            self._store, self._ledger, collection.id, events, self._manager.raise_generation
        )
        adaptive = settings.concurrency == "auto"
        slots = AdaptiveConcurrency(settings.workers, events, adaptive=adaptive)
        commits = self._commits(slots)
        stages = self._stages(stop, writer, slots, commits, route, reread=reread)
        pipeline = Pipeline(
            stages,
            stop,
            events,
            concurrency=settings.workers,
            readers=self._source.readers,
            shutdown_timeout=settings.shutdown_timeout,
            gauges=self._gauges,
        )
        try:
            await commits.commit_kept()
            await pipeline.run()
        except StoreWriteError as error:
            error.hint += f"; {commits.saved:,} texts that this run embedded are saved"
            raise
        walk = stages.discover.walk
        # A document that was renamed is in under its new name before it goes.
        deferred = route is not None and route.deferred
        if walk.complete and not stop.requested and not deferred:
            removal = DeleteStage(
                self._ledger,
                writer,
                collection,
                stop,
                events,
                scopes=self._source.scopes,
                allow_mass_delete=allow_mass_delete,
            )
            await removal.run(walk)

    def _commits(self, slots: AdaptiveConcurrency) -> Commits:
        return Commits(
            self._ledger,
            self._events,
            space=self._embedder.space,
            model=model_of(self._embedder.space),
            batch_size=self._settings.batch_size,
            calls=lambda: slots.limit,
            kept=self._kept,
        )

    def _stages(
        self,
        stop: Stop,
        writer: Writer,
        slots: AdaptiveConcurrency,
        commits: Commits,
        route: Route | None,
        *,
        reread: bool,
    ) -> Stages:
        settings, events, ledger = self._settings, self._events, self._ledger
        space = self._embedder.space
        model = model_of(space)
        in_flight = InFlight()
        collection = self._manager.entry.id
        read = ReadStage(ledger, collection, events, self._source.open, reread=reread)
        discover = DiscoverStage(ledger, collection, events, source=self._source, reading=read)
        chunk = ChunkStage(
            events, read, self._chunker.plan, model, space.task_type, TextKeys(space)
        )
        retrying = RetryingEmbedder(
            self._embedder,
            Account(self._quota, self._budget, self._keep_estimated),
            stop,
            events,
            give_up_after=settings.give_up_after,
            concurrency=slots,
            prepare=self._embedder.connect,
        )
        embed = EmbedStage(
            retrying,
            ledger,
            commits,
            in_flight,
            stop,
            events,
            space=space,
            model=model,
            slots=slots,
            wait_for_day=DailyReset(stop, events).wait if settings.quota_wait else None,
        )
        batch: BatchBuilder[Candidate] = BatchBuilder(
            min(settings.batch_size, model.max_texts),
            model.max_bytes,
            lambda: self._quota.best_batch_for(model.max_tokens),
        )
        dedupe = DedupeStage(self._store, ledger, in_flight, events, route)
        return Stages(discover, read, chunk, dedupe, batch, embed, writer)

    async def _keep_estimated(self, estimated: EstimatedQuota) -> None:
        await self._ledger.keep_quota(self._embedder.space, estimated)
