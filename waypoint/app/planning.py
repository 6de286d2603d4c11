"""The plan: what an ingestion would do, cost and take, without a key and without a write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import orjson

from waypoint.app.service import GEMINI, SIMULATOR
from waypoint.chunking import Chunker, ChunkingSettings
from waypoint.embedding.known_models import DOCUMENT_TASK, known_model
from waypoint.embedding.quota import QuotaLimits, limits_for
from waypoint.embedding.text_key import TextKeys
from waypoint.embedding.tokens import estimate_tokens
from waypoint.errors import DocumentRejectedError, StoreLockedError, StoreWriteError
from waypoint.models import EmbeddingSpace, FileReject, SkippedFile, SourceFile, TextKey
from waypoint.settings import Settings
from waypoint.sources.discover import discover
from waypoint.sources.reading import read_document
from waypoint.sources.registry import default_registry
from waypoint.storage.ledger import LEDGER_NAME, Ledger
from waypoint.storage.lock import StoreLock


@dataclass(slots=True)
class Plan:
    """What is to be done. Tokens are estimates; seconds are what the quota alone needs."""

    documents: int = 0
    rejected: int = 0
    skipped: int = 0
    chunks: int = 0
    texts_to_pay: int = 0
    texts_paid_before: int = 0
    tokens_to_pay: int = 0
    calls: int = 0
    cost_usd: float = 0.0
    least_seconds: float = 0.0
    binding_quota: str = "none"
    rejects: list[dict[str, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def make_plan(settings: Settings, *, simulate: bool, category: str | None) -> Plan:
    """Read and chunk everything, and count. Synchronous: there is nothing to overlap with.

    Of each distinct text 8 bytes are kept in memory. Of an existing store nothing is changed
    but the lock's file.

    Raises:
        UsageError: the knowledge base or the category does not exist.
    """
    model = known_model(settings.embedding_model)
    provider = SIMULATOR if simulate else GEMINI
    space = EmbeddingSpace(provider, model.name, settings.embedding_dimensions, DOCUMENT_TASK)
    keys = TextKeys(space)
    chunker = Chunker(ChunkingSettings(settings.chunk_size, settings.chunk_overlap))
    registry = default_registry()
    plan = Plan()
    if settings.google_gemini_base_url and not simulate:
        plan.notices.append(
            "the server at GOOGLE_GEMINI_BASE_URL is taken for Gemini here; for a simulator, "
            "add --simulate"
        )
    seen: set[bytes] = set()
    with _ledger_if_there(settings, plan) as ledger:
        walk = discover(
            settings.knowledge_base_path,
            registry=registry,
            category=category,
            max_file_size=settings.max_file_size,
        )
        for entry in walk:
            if isinstance(entry, SkippedFile):
                plan.skipped += 1
            elif isinstance(entry, FileReject):
                _reject(plan, entry.source, entry.reason)
            elif isinstance(entry, SourceFile):
                try:
                    document = read_document(
                        entry, registry=registry, max_file_size=settings.max_file_size
                    )
                except DocumentRejectedError as error:
                    _reject(plan, error.source, error.reason)
                    continue
                plan.documents += 1
                chunks = chunker.plan(document)
                plan.chunks += chunks.count
                fresh: dict[TextKey, int] = {}
                for index in range(chunks.count):
                    (chunk,) = chunks.chunks(index, index + 1)
                    text = model.text_to_embed(chunk.text, space.task_type)
                    key = keys.key(text)
                    if key[:8] not in seen:
                        seen.add(key[:8])
                        fresh[key] = estimate_tokens(text)
                _count(plan, fresh, ledger)
    plan.calls = -(-plan.texts_to_pay // settings.batch_size)
    plan.cost_usd = plan.tokens_to_pay * model.usd_per_million_tokens / 1_000_000
    _time(plan, limits_for(settings.quota, simulated=simulate))
    return plan


@contextmanager
def _ledger_if_there(settings: Settings, plan: Plan) -> Iterator[Ledger | None]:
    """The ledger of earlier runs, whose vectors need not be paid for again."""
    if not (settings.chroma_persist_path / LEDGER_NAME).exists():
        yield None
        return
    try:
        lock = StoreLock(settings.chroma_persist_path).__enter__()
    except (StoreLockedError, StoreWriteError) as error:
        plan.notices.append(f"{error.message}: what is paid for already is not taken off here")
        yield None
        return
    try:
        ledger = Ledger(settings.chroma_persist_path)
        try:
            yield ledger
        finally:
            ledger.close()
    finally:
        lock.__exit__(None, None, None)


def _reject(plan: Plan, source: str, reason: str) -> None:
    plan.rejected += 1
    plan.rejects.append({"source": source, "reason": reason})


def _count(plan: Plan, fresh: dict[TextKey, int], ledger: Ledger | None) -> None:
    paid = ledger.paid_keys(list(fresh)) if ledger else set()
    plan.texts_paid_before += len(paid)
    plan.texts_to_pay += len(fresh) - len(paid)
    plan.tokens_to_pay += sum(tokens for key, tokens in fresh.items() if key not in paid)


def _time(plan: Plan, limits: QuotaLimits) -> None:
    """The least time is that of the limit that binds; a day's limit counts in whole days."""
    times = {"none": 0.0}
    if limits.rpm:
        times["texts a minute"] = plan.texts_to_pay / limits.rpm * 60
    if limits.tpm:
        times["tokens a minute"] = plan.tokens_to_pay / limits.tpm * 60
    if limits.rpd and plan.texts_to_pay > limits.rpd:
        times["texts a day"] = (-(-plan.texts_to_pay // limits.rpd) - 1) * 86_400.0
    plan.binding_quota = max(times, key=lambda name: times[name])
    plan.least_seconds = times[plan.binding_quota]
