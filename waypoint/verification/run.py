"""One verification: its resources, its checks, its verdict."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from anyio import to_thread

from waypoint.chunking import embeds_context
from waypoint.embedding.known_models import QUERY_TASK
from waypoint.embedding.providers import chosen_model
from waypoint.errors import (
    AccountRefusedError,
    DailyQuotaError,
    KeyRefusedError,
    LedgerError,
    RequestRefusedError,
    ServiceUnavailableError,
    StoreDamagedError,
    StoreWriteError,
    UsageError,
    WaypointError,
)
from waypoint.ingestion.collection_manager import recorded_origin
from waypoint.ingestion.origin_check import compared_with
from waypoint.ingestion.recipe import space_of
from waypoint.ingestion.run import new_run_id
from waypoint.models import EmbeddingSpace, MetadataValue
from waypoint.observe.events import EventBus
from waypoint.query.choose import choose_collection, choose_name
from waypoint.query.embed_questions import ServiceTexts
from waypoint.query.lazy_service import LazyService
from waypoint.query.open import OpenStore, open_for_reading
from waypoint.settings import Settings
from waypoint.sources.origin import Origin
from waypoint.storage.cache_report import read_cache
from waypoint.storage.ledger.records import CachedCollection
from waypoint.verification.checks import (
    Status,
    failed,
    skipped,
)
from waypoint.verification.integrity import Integrity, Progress
from waypoint.verification.inventory import PAGE, Inventory
from waypoint.verification.ledger_view import CollectionLedger
from waypoint.verification.picture import MOST_POINTS, Picture, draw_picture
from waypoint.verification.questions import read_questions
from waypoint.verification.retrieval import ask_tier, choose_tiers, judge_tiers
from waypoint.verification.sample import Sample, check_recall, check_sample, draw, draw_ids
from waypoint.verification.sample_questions import sample_questions
from waypoint.verification.subject import KnowledgeBase, describe_subject, find_folder, folder_path
from waypoint.verification.verdict import Verdict


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What is asked of one verification, beyond the settings."""

    checks: frozenset[str]
    """Names of the checks to make."""
    tiers: tuple[str, ...] = ()
    """Tiers to ask; all of them if none is named."""
    queries: Path | None = None
    sample: int = 0
    recall: int = 0
    seed: int = 0
    simulate: bool = False
    """Verify the simulated collection where no name is given."""
    picture: bool = False


@dataclass(slots=True)
class Verification:
    """Verifies one collection. Afterwards ``inventory`` has what was found; close it.

    ``tell``: is told what the user should know before it happens, as what it will cost.
    """

    settings: Settings
    options: VerifyOptions
    events: EventBus
    tell: Callable[[str], None]
    progress: Progress
    inventory: Inventory = field(default_factory=Inventory)
    picture: Picture | None = None
    holder: str = ""
    """Who uses the store at the same time, if somebody does."""
    recorded: Origin | None = None
    """What the collection is made from, if that is known."""
    failure: WaypointError | None = None
    """Why the service could not be asked; what needs no service was verified all the same."""

    async def run(self) -> Verdict:
        """Make the checks.

        Raises:
            UsageError: there is nothing to verify, or the questions cannot be read.
            StoreLockedError: the embedded store is in use.
            WaypointError: the store or the ledger went away.
        """
        started = time.monotonic()
        verdict = Verdict(new_run_id(), datetime.now(UTC).isoformat("T", "seconds"), "")
        # Told before anything is opened: what is wrong with the command, not with the world.
        chosen_model(self.settings)
        if self.options.queries is not None:
            await to_thread.run_sync(read_questions, self.options.queries)
        try:
            async with AsyncExitStack() as stack:
                store = await stack.enter_async_context(
                    open_for_reading(self.settings, self.events)
                )
                await self._verify(verdict, store, stack)
        except StoreDamagedError as error:
            # The private server does not start over its files: nothing more can be said.
            verdict.checks = [failed("collection", error.message, found=1)]
            await self._ask_ledger(verdict)
        verdict.seconds = round(time.monotonic() - started, 3)
        return verdict

    async def _ask_ledger(self, verdict: Verdict) -> None:
        """Which collection is meant, where Chroma cannot say which there are."""
        collections: Sequence[CachedCollection] = ()
        with suppress(LedgerError, UsageError):
            cache = await read_cache(self.settings, drop_unused=False, force=False)
            collections = cache.collections
        names = [entry.name for entry in collections]
        simulate = self.options.simulate
        verdict.collection, _ = choose_name(names, self.settings, simulate=simulate)
        for entry in collections:
            if entry.name == verdict.collection:
                self.recorded = Origin.stored(entry.root, entry.selection)
                verdict.knowledge_base = str(folder_path(self.settings, entry.root))

    async def _verify(self, verdict: Verdict, store: OpenStore, stack: AsyncExitStack) -> None:
        options = self.options
        self.holder = store.holder
        chosen = await choose_collection(store, self.settings, simulate=options.simulate)
        verdict.notices += chosen.notices
        verdict.collection = chosen.name
        entry, state = chosen.entry, chosen.state
        self.recorded = recorded_origin(entry, state)
        folder, no_folder = await find_folder(self.settings, self.recorded)
        verdict.knowledge_base = str(folder.path) if folder else ""
        if folder is not None and self.recorded is not None:
            verdict.notices += compared_with(folder.settings, self.recorded)
        if state is None:
            gone = "it is gone from Chroma; the ledger knows it"
            verdict.checks = [failed("collection", gone, found=1)]
            return
        space = space_of(state.metadata)
        if space is not None:
            verdict.provider, verdict.model = space.provider, space.model
            verdict.dimensions = space.dimensions
        verdict.chunks = state.count
        integrity = Integrity(
            self.inventory,
            store.reader,
            describe_subject(self.settings, store, chosen.name, entry, state, no_folder),
            CollectionLedger(store.ledger, entry.id) if store.ledger and entry else None,
            folder.source if folder else None,
            self.progress,
        )
        verdict.checks = await integrity.run(options.checks)
        if any(c.name == "collection" and c.status is Status.FAIL for c in verdict.checks):
            return
        await self._list_ids(store)
        asking = LazyService(self.settings, store, space, self.events, stack)
        if options.sample:
            await self._with_service(
                "sample", verdict, self._sample(verdict, store, asking, state.metadata)
            )
        if options.recall:
            drawn = await draw(self.inventory, store.reader, options.recall, options.seed)
            self.progress("comparing with exact neighbours", 0, 0)
            verdict.checks.append(await check_recall(self.inventory, store.reader, drawn))
        if "retrieval" in options.checks:
            asked = self._retrieval(verdict, store, asking, folder)
            await self._with_service("retrieval", verdict, asked)
        if options.picture:
            self.picture = await self._draw(store, state.count)

    async def _list_ids(self, store: OpenStore) -> None:
        """For what draws from all ids, if no check has listed them."""
        options = self.options
        listed = self.inventory.value("SELECT count(*) FROM stored")
        if not listed and (options.sample or options.recall or options.picture):
            async for ids in store.reader.ids():
                await to_thread.run_sync(self.inventory.add_ids, ids)

    # -- what needs the service ------------------------------------------------------------

    async def _with_service(self, name: str, verdict: Verdict, check: Awaitable[None]) -> None:
        """A service that fails, or a ledger without room, ends the check, not the verification."""
        try:
            await check
        except (
            ServiceUnavailableError,
            KeyRefusedError,
            AccountRefusedError,
            LedgerError,
            RequestRefusedError,
            DailyQuotaError,
            StoreWriteError,
        ) as e:
            verdict.checks.append(skipped(name, e.message))
            self.failure = self.failure or e

    async def _sample(
        self,
        verdict: Verdict,
        store: OpenStore,
        asking: LazyService,
        metadata: Mapping[str, MetadataValue],
    ) -> None:
        service, reason = await asking.service()
        if service is None or asking.space is None:
            verdict.checks.append(skipped("sample", reason))
            return
        options = self.options
        sample = await draw(
            self.inventory,
            store.reader,
            options.sample,
            options.seed,
            context_headers=embeds_context(str(metadata.get("waypoint_chunking", ""))),
        )
        texts = ServiceTexts(service, asking.space, anew=True)
        self.tell(_bill(sample, texts, options.seed))
        self.progress("embedding a sample anew", 0, 0)
        verdict.checks.append(await check_sample(sample, texts))

    async def _retrieval(
        self,
        verdict: Verdict,
        store: OpenStore,
        asking: LazyService,
        folder: KnowledgeBase | None,
    ) -> None:
        path = self.options.queries or await to_thread.run_sync(
            sample_questions, folder.path if folder else None
        )
        if path is None:
            verdict.checks.append(skipped("retrieval", "no questions: give a file with --queries"))
            return
        verdict.queries = str(path)
        tiers = choose_tiers(
            await to_thread.run_sync(read_questions, path), self.options.tiers, path
        )
        service, reason = await asking.service()
        if service is None or asking.space is None:
            verdict.checks.append(skipped("retrieval", reason))
            return
        space = EmbeddingSpace(
            asking.space.provider, asking.space.model, asking.space.dimensions, QUERY_TASK
        )
        self.progress("asking questions", 0, 0)
        questions = [question.text for tier in tiers for question in tier.questions]
        vectors = await ServiceTexts(service, space).embed(questions)
        start = 0
        for tier in tiers:
            end = start + len(tier.questions)
            verdict.tiers.append(await ask_tier(tier, vectors[start:end], store.reader))
            start = end
        verdict.checks.append(judge_tiers(verdict.tiers))

    async def _draw(self, store: OpenStore, count: int) -> Picture:
        self.progress("drawing the picture", 0, 0)
        ids = await to_thread.run_sync(draw_ids, self.inventory, MOST_POINTS, self.options.seed)
        pages = [
            await store.reader.records(ids[start : start + PAGE], vectors=True)
            for start in range(0, len(ids), PAGE)
        ]
        return await to_thread.run_sync(draw_picture, pages, count)


def _bill(sample: Sample, texts: ServiceTexts, seed: int) -> str:
    return (
        f"embedding {len(sample.ids):,} chunks anew (seed {seed}): about {sample.tokens:,} "
        f"tokens, ${texts.cost(sample.tokens):.4f} estimated"
    )
