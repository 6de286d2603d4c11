"""The plan: what an ingestion would do, cost and take, without a key and without a write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

from waypoint.chunking import ChunkPlan
from waypoint.embedding.known_models import DOCUMENT_TASK, EmbeddingModel
from waypoint.embedding.port import Provider
from waypoint.embedding.providers import chosen_model, chosen_provider, with_simulator
from waypoint.embedding.text_key import TextKeys
from waypoint.embedding.tokens import estimate_tokens
from waypoint.errors import (
    DocumentRejectedError,
    LedgerDamagedError,
    StoreLockedError,
    StoreWriteError,
)
from waypoint.formats.registry import READ_BY_OCR, took_ocr
from waypoint.ingestion.chunk_setup import build_chunker, split_notice
from waypoint.ingestion.collection_manager import recorded_origin
from waypoint.ingestion.discover import FILES_A_STEP, parcels
from waypoint.ingestion.mode_plan import ModeTime, mode_times
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.origin_check import SettledOrigin, given_folders, settle
from waypoint.ingestion.quota_plan import (
    NO_QUOTA,
    ChunkSizeAdvice,
    Demand,
    TierTime,
    advise_chunk_size,
    least_time,
    tier_times,
)
from waypoint.ingestion.run import collection_name
from waypoint.models import (
    Document,
    EmbeddingSpace,
    FileReject,
    SkippedFile,
    SourceFile,
    TextKey,
    UnreadableFolder,
)
from waypoint.observe.report import MOST_LISTED, count_reason
from waypoint.sanitize import json_bytes
from waypoint.service_day import service_day
from waypoint.settings import QuotaTier, QuotaUnit, Settings
from waypoint.sources.kinds import open_source
from waypoint.sources.origin import Origin
from waypoint.sources.port import DocumentReader, FileContent, Root, Source
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import KnownDocument, LedgerCollection
from waypoint.storage.ledgers import chosen_ledger
from waypoint.storage.lock import StoreLock

_TEXTS_AT_ONCE = 1_000
"""Of which the ledger is asked together."""


@dataclass(slots=True)
class Plan:
    """What is to be done. Tokens are estimates; seconds are what the quota alone needs.

    Least time, days and the limit that binds are those of the settings; ``tiers`` has those
    of each tier.
    """

    documents: int = 0
    rejected: int = 0
    skipped: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    """What is left out, by reason."""
    outdated: int = 0
    """Documents that an earlier version of their reader made; without ``--reread`` they stay as
    they are, and none of their texts is to be sent."""
    pages_for_ocr: int = 0
    """Their text isn't known yet, and is not among the texts to embed."""
    ocr_seconds: float = 0.0
    """What they take here, by the time of one page that was tried."""
    with_warnings: int = 0
    """Documents of which something was lost or is odd."""
    chunks: int = 0
    chunks_split: int = 0
    """Of them, parts of texts that the model might have cut."""
    texts_to_embed: int = 0
    texts_embedded_before: int = 0
    texts_refused_before: int = 0
    """They are not sent again: the chunks they are in are rejected."""
    texts_used_today: int = 0
    """Texts that earlier runs embedded on the service's present day."""
    calls_used_today: int = 0
    tokens_to_embed: int = 0
    characters_to_embed: int = 0
    calls: int = 0
    cost_usd: float = 0.0
    least_seconds: float = 0.0
    least_days: int = 0
    binding_quota: str = NO_QUOTA
    tiers: list[TierTime] = field(default_factory=list)
    modes: list[ModeTime] = field(default_factory=list)
    """Price and time of calls, batch jobs, and both at once."""
    chunk_size_advice: ChunkSizeAdvice | None = None
    rejects: list[dict[str, str]] = field(default_factory=list)
    """The first of them."""
    warnings: list[dict[str, str]] = field(default_factory=list)
    """Likewise."""
    notices: list[str] = field(default_factory=list)

    def to_json(self) -> bytes:
        return json_bytes(asdict(self), indent=True)


async def make_plan(
    settings: Settings, options: IngestOptions, *, recorded: Origin | None = None
) -> Plan:
    """Read and chunk everything, and count, one file after the other.

    Of each distinct text 8 bytes are kept in memory. Of an existing store nothing is changed
    but the lock's file.

    ``recorded``: what the collection is made from; if it isn't given, the ledger says it.

    Raises:
        UsageError: the knowledge base or the category does not exist.
        CollectionMismatchError: the collection is made from another folder.
    """
    settings = with_simulator(settings, simulate=options.simulate)
    provider, model = chosen_provider(settings), chosen_model(settings)
    space = EmbeddingSpace(provider.name, model.name, settings.embedding_dimensions, DOCUMENT_TASK)
    chunker = build_chunker(settings, model)
    for folder in given_folders(settings, options):
        open_source([Root("", folder)], options.category).discover()
    plan = Plan()
    if settings.google_gemini_base_url and provider.bills:
        plan.notices.append(
            f"the server at GOOGLE_GEMINI_BASE_URL is taken for {provider.title} here; for a "
            "simulator, add --simulate"
        )
    if "rpm" in settings.quota.to_find & provider.quota.to_find:
        plan.notices.append(
            "the quota is not known: the time with these settings is that of the pace a run "
            "starts with; see the tiers, and give yours with --quota-tier"
        )
    async with AsyncExitStack() as stack:
        ledger = await _ledger_if_there(settings, plan, stack)
        name = collection_name(settings, provider)
        entry = await ledger.collection(name) if ledger else None
        settled = await _settle(settings, options, name, recorded, ledger, entry)
        plan.notices += settled.notices
        source = open_source(settled.roots, options.category, ocr_counts=True)
        source.check_readers()
        reader = await stack.enter_async_context(source.open())
        texts = NewTexts(plan, space, model, ledger, retry_rejects=options.retry_rejects)
        async for documents in _documents(source, reader, plan):
            known: Mapping[str, KnownDocument] = {}
            if ledger is not None and entry is not None and not options.clear:
                sources = [document.source for document in documents]
                known = await ledger.find_documents(entry.id, sources)
            for document in documents:
                try:
                    chunks = chunker.plan(document)
                except DocumentRejectedError as error:
                    _reject(plan, error.source, error.reason)
                    continue
                plan.documents += 1
                _note_warnings(plan, document)
                plan.chunks += chunks.count
                plan.chunks_split += chunks.split
                before = known.get(document.source)
                if not options.reread and _stays(document, before):
                    plan.outdated += 1
                elif not _was_recognised(document, before):
                    plan.pages_for_ocr += document.to_recognise
                    await texts.add(chunks)
        await texts.count()
        if ledger:
            used = await ledger.day_use(service_day().isoformat(), space)
            plan.texts_used_today, plan.calls_used_today = used.texts, used.calls
    if plan.pages_for_ocr:
        from waypoint.formats.images.ocr import seconds_a_page

        languages = settled.roots[0].settings.ocr_languages
        plan.ocr_seconds = plan.pages_for_ocr * seconds_a_page(languages) / source.readers
    if plan.chunks_split:
        plan.notices.append(split_notice(plan.chunks_split, model))
    plan.calls = -(-plan.texts_to_embed // min(settings.batch_size, model.max_texts))
    plan.cost_usd = plan.tokens_to_embed * model.usd_per_million_tokens / 1_000_000
    _time(plan, settings, model, provider)
    return plan


class NewTexts:
    """The texts that were not met before, counted by what the ledger knows of them."""

    def __init__(
        self,
        plan: Plan,
        space: EmbeddingSpace,
        model: EmbeddingModel,
        ledger: Ledger | None,
        *,
        retry_rejects: bool,
    ) -> None:
        self._plan = plan
        self._keys = TextKeys(space)
        self._task = space.task_type
        self._model = model
        self._ledger = ledger
        self._retry_rejects = retry_rejects
        self._met: set[bytes] = set()
        self._fresh: dict[TextKey, tuple[int, int]] = {}
        """Not counted yet: tokens and characters."""

    async def add(self, chunks: ChunkPlan) -> None:
        for index in range(chunks.count):
            chunk = chunks.chunk(index)
            text = self._model.text_to_embed(chunk.text, self._task, chunk.context)
            key = self._keys.key(text)
            if key[:8] not in self._met:
                self._met.add(key[:8])
                self._fresh[key] = (estimate_tokens(text), len(text))
        if len(self._fresh) >= _TEXTS_AT_ONCE:
            await self.count()

    async def count(self) -> None:
        """Count what was added since the last time."""
        plan, ledger, fresh = self._plan, self._ledger, self._fresh
        committed = await ledger.committed_keys(list(fresh)) if ledger else set()
        unknown = [key for key in fresh if key not in committed]
        refused: Mapping[TextKey, str] = {}
        if ledger and not self._retry_rejects:
            refused = (await ledger.known_texts(unknown)).refused
        sizes = [fresh[key] for key in unknown if key not in refused]
        plan.texts_embedded_before += len(committed)
        plan.texts_refused_before += len(refused)
        plan.texts_to_embed += len(sizes)
        plan.tokens_to_embed += sum(tokens for tokens, _ in sizes)
        plan.characters_to_embed += sum(characters for _, characters in sizes)
        self._fresh = {}


def _stays(document: Document, known: KnownDocument | None) -> bool:
    """Whether a document is unchanged, but another reader made what is stored of it."""
    if known is None or not known.is_same(document) or known.reader == document.reader:
        return False
    # Pages without text are read once OCR is on.
    return took_ocr(known.reader) or not any(map(_is_for_ocr, document.warnings))


def _is_for_ocr(warning: str) -> bool:
    return warning.startswith(READ_BY_OCR)


def _was_recognised(document: Document, known: KnownDocument | None) -> bool:
    """Whether what is stored of an unchanged document is by OCR, just as it would be now."""
    return (
        document.to_recognise > 0
        and known is not None
        and known.complete
        and (known.digest, known.reader) == (document.digest, document.reader)
    )


async def _settle(
    settings: Settings,
    options: IngestOptions,
    name: str,
    recorded: Origin | None,
    ledger: Ledger | None,
    entry: LedgerCollection | None,
) -> SettledOrigin:
    """What an ingestion would be over."""
    empty = recorded is None and entry is None
    if ledger is not None and entry is not None:
        recorded = recorded or recorded_origin(entry, None)
        empty = not await ledger.document_count(entry.id)
    return settle(settings, options, name, recorded, empty=empty)


async def _documents(
    source: Source, reader: DocumentReader, plan: Plan
) -> AsyncIterator[list[Document]]:
    """All documents of the folder, some at a time; what is none is counted."""
    walk = source.discover()
    while entries := list(islice(walk, FILES_A_STEP)):
        for entry in entries:
            if isinstance(entry, SkippedFile):
                plan.skipped += 1
                count_reason(plan.left_out, entry.reason)
            elif isinstance(entry, FileReject | UnreadableFolder):
                _reject(plan, entry.source, entry.reason)
        files = [entry for entry in entries if isinstance(entry, SourceFile)]
        for some in parcels(files, source.takes_long):
            yield _sound(await reader.read(some), plan)


def _sound(contents: Sequence[FileContent], plan: Plan) -> list[Document]:
    """The documents among them; rejects are counted."""
    documents = []
    for content in contents:
        for each in [content] if isinstance(content, DocumentRejectedError) else content:
            if isinstance(each, DocumentRejectedError):
                _reject(plan, each.source, each.reason)
            else:
                documents.append(each)
    return documents


async def _ledger_if_there(settings: Settings, plan: Plan, stack: AsyncExitStack) -> Ledger | None:
    """The ledger of earlier runs, whose texts need not be sent again; under the store's lock."""
    kind, folder = chosen_ledger(settings), settings.chroma_persist_path
    if not kind.exists(folder):
        return None
    try:
        stack.enter_context(StoreLock(folder))
        return await stack.enter_async_context(kind.open(folder))
    except (StoreLockedError, StoreWriteError, LedgerDamagedError) as error:
        plan.notices.append(f"{error.message}: committed texts are not taken off here")
        return None


def _reject(plan: Plan, source: str, reason: str) -> None:
    plan.rejected += 1
    if len(plan.rejects) < MOST_LISTED:
        plan.rejects.append({"source": source, "reason": reason})


def _note_warnings(plan: Plan, document: Document) -> None:
    warnings = document.warnings
    if document.to_recognise:
        warnings = tuple(each for each in warnings if not _is_for_ocr(each))
    plan.with_warnings += bool(warnings)
    for warning in warnings[: MOST_LISTED - len(plan.warnings)]:
        plan.warnings.append({"source": document.source, "warning": warning})


def _time(plan: Plan, settings: Settings, model: EmbeddingModel, provider: Provider) -> None:
    demand = Demand(
        plan.texts_to_embed, plan.tokens_to_embed, plan.characters_to_embed, plan.texts_used_today
    )
    limits = provider.quota.limits(settings.quota)
    if QuotaUnit.CALLS in (settings.quota.unit, provider.quota.unit):
        counted = replace(demand, texts=plan.calls, used_today=plan.calls_used_today)
        least = least_time(counted, limits)
    else:
        least = least_time(demand, limits)
    plan.least_seconds, plan.least_days = least.seconds, least.days
    plan.binding_quota = least.binding_quota
    plan.tiers = tier_times(demand) if provider.quota.has_tiers else []
    tier = settings.quota_tier if provider.has_jobs else QuotaTier.FREE
    plan.modes = mode_times(demand, limits, tier, model, settings.max_cost)
    plan.chunk_size_advice = advise_chunk_size(demand, limits, model, settings.chunk_size)
