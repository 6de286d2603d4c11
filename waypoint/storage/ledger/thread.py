"""The SQLite ledger on a thread of its own, so that the event loop never waits for a disk."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from waypoint.errors import StoreWriteError
from waypoint.models import (
    DayUse,
    Document,
    EmbeddingSpace,
    EstimatedQuota,
    SourceFile,
    TextKey,
    Vector,
    Vectors,
)
from waypoint.observe.gauges import doing
from waypoint.storage.ledger.job_thread import JobThread
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import (
    CachedCollection,
    CachedSpace,
    CompleteDocument,
    KnownDocument,
    KnownTexts,
    LastRun,
    LedgerCollection,
    LedgerDocument,
    LedgerReject,
    Partition,
    RejectedItem,
    Spending,
)
from waypoint.storage.ledger.room import CallRoom
from waypoint.storage.ledger.sqlite import SqliteLedger
from waypoint.storage.ledger.walk import any_reader

P = ParamSpec("P")
T = TypeVar("T")


class LedgerThread(Ledger):
    """The port, by running the SQLite ledger's methods one after another, off the loop."""

    def __init__(self, ledger: SqliteLedger, limiter: CapacityLimiter) -> None:
        self._ledger = ledger
        self._limiter = limiter
        self._batch = JobThread(self._run, ledger)

    @property
    def batch(self) -> JobThread:
        return self._batch

    @property
    def closing(self) -> StoreWriteError | None:
        return self._ledger.closing

    async def _run(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # A method that has begun is always waited for, also under cancellation: whether
        # something is committed is never unknown.
        with doing("ledger"):
            return await to_thread.run_sync(
                functools.partial(method, *args, **kwargs), limiter=self._limiter
            )

    async def read_rejects(self, read: Callable[[Iterator[RejectedItem]], T]) -> T:
        return await self._run(lambda: read(self._ledger.rejects()))

    async def collection(self, name: str) -> LedgerCollection | None:
        return await self._run(self._ledger.collection, name)

    async def cached_collections(self) -> list[CachedCollection]:
        return await self._run(self._ledger.cached_collections)

    async def unfinished_collections(self) -> list[str]:
        return await self._run(self._ledger.unfinished_collections)

    async def cached_spaces(self) -> list[CachedSpace]:
        return await self._run(self._ledger.cached_spaces)

    async def cached_refusals(self) -> int:
        return await self._run(self._ledger.cached_refusals)

    async def prune_unused(self) -> int:
        return await self._run(self._ledger.prune_unused)

    async def adopt_collection(
        self, name: str, *, store_id: str, generation: int, root: str, selection: str = ""
    ) -> LedgerCollection:
        return await self._run(
            self._ledger.adopt_collection,
            name,
            store_id=store_id,
            generation=generation,
            root=root,
            selection=selection,
        )

    async def clear_collection(self, name: str, root: str, selection: str = "") -> None:
        await self._run(self._ledger.clear_collection, name, root, selection)

    async def set_generation(self, collection: int, generation: int) -> None:
        await self._run(self._ledger.set_generation, collection, generation)

    async def set_origin(
        self, collection: int, generation: int, root: str, selection: str, *, reread: bool
    ) -> None:
        await self._run(
            self._ledger.set_origin, collection, generation, root, selection, reread=reread
        )

    async def suspect_collections(self) -> None:
        await self._run(self._ledger.suspect_collections)

    async def trust_collection(self, collection: int) -> None:
        await self._run(self._ledger.trust_collection, collection)

    async def start_filling(self, collection: int) -> bool:
        return await self._run(self._ledger.start_filling, collection)

    async def chunk_count(self, collection: int) -> int | None:
        return await self._run(self._ledger.chunk_count, collection)

    async def uncommitted_chunks(self, collection: int) -> int:
        return await self._run(self._ledger.uncommitted_chunks, collection)

    async def start_documents(self, collection: int, sources: Sequence[str]) -> None:
        await self._run(self._ledger.start_documents, collection, sources)

    async def complete_documents(
        self, collection: int, documents: Sequence[CompleteDocument]
    ) -> None:
        await self._run(self._ledger.complete_documents, collection, documents)

    async def refresh_documents(
        self, collection: int, documents: Sequence[Document], siblings: Sequence[int] | None = None
    ) -> None:
        await self._run(self._ledger.refresh_documents, collection, documents, siblings)

    async def forget_documents(self, collection: int, sources: Sequence[str]) -> None:
        await self._run(self._ledger.forget_documents, collection, sources)

    async def partition_unchanged(
        self,
        collection: int,
        files: Sequence[SourceFile],
        readers_of: Callable[[str], Sequence[str]] = any_reader,
        reread: bool = False,
    ) -> Partition:
        return await self._run(
            self._ledger.partition_unchanged, collection, files, readers_of, reread
        )

    async def find_documents(
        self, collection: int, sources: Sequence[str]
    ) -> dict[str, KnownDocument]:
        return await self._run(self._ledger.find_documents, collection, sources)

    async def mark_seen(self, sources: Iterable[str]) -> None:
        await self._run(self._ledger.mark_seen, sources)

    async def mark_file_seen(self, collection: int, file: str) -> None:
        await self._run(self._ledger.mark_file_seen, collection, file)

    async def vanished(self, collection: int, scope: str, unreadable: Sequence[str]) -> list[str]:
        return await self._run(self._ledger.vanished, collection, scope, unreadable)

    async def document_count(self, collection: int, scope: str | None = None) -> int:
        return await self._run(self._ledger.document_count, collection, scope)

    async def documents_page(self, collection: int, after: int) -> list[LedgerDocument]:
        return await self._run(self._ledger.documents_page, collection, after)

    async def chunks_page(self, document: int, after: str) -> list[tuple[str, TextKey]]:
        return await self._run(self._ledger.chunks_page, document, after)

    async def known_texts(self, keys: Sequence[TextKey]) -> KnownTexts:
        return await self._run(self._ledger.known_texts, keys)

    async def committed_vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, Vector]:
        return await self._run(self._ledger.committed_vectors, keys)

    async def committed_keys(self, keys: Sequence[TextKey]) -> set[TextKey]:
        return await self._run(self._ledger.committed_keys, keys)

    async def raw_vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, bytes]:
        return await self._run(self._ledger.raw_vectors, keys)

    async def commit_vectors(
        self,
        space: EmbeddingSpace,
        keys: Sequence[TextKey],
        vectors: Vectors,
        *,
        tokens: int,
        cost_usd: float,
        day: str,
    ) -> None:
        await self._run(
            self._ledger.commit_vectors,
            space,
            keys,
            vectors,
            tokens=tokens,
            cost_usd=cost_usd,
            day=day,
        )

    async def count_lost(
        self, space: EmbeddingSpace, texts: int, *, tokens: int, cost_usd: float, day: str
    ) -> None:
        await self._run(
            self._ledger.count_lost, space, texts, tokens=tokens, cost_usd=cost_usd, day=day
        )

    async def restore_vectors(
        self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector]
    ) -> int:
        return await self._run(self._ledger.restore_vectors, space, vectors)

    async def replace_vectors(
        self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector | None]
    ) -> None:
        await self._run(self._ledger.replace_vectors, space, vectors)

    async def refuse_text(self, key: TextKey, reason: str) -> None:
        await self._run(self._ledger.refuse_text, key, reason)

    async def reject(self, collection: int, source: str, reason: str, hint: str = "") -> None:
        await self._run(self._ledger.reject, collection, source, reason, hint)

    async def reject_all(self, collection: int, rejects: Sequence[tuple[str, str, str]]) -> None:
        await self._run(self._ledger.reject_all, collection, rejects)

    async def clear_rejects(self, collection: int, files: Sequence[str]) -> None:
        await self._run(self._ledger.clear_rejects, collection, files)

    async def clear_vanished_rejects(
        self, collection: int, scope: str, unreadable: Sequence[str] = ()
    ) -> None:
        await self._run(self._ledger.clear_vanished_rejects, collection, scope, unreadable)

    async def retry_rejects(self, name: str, scope: str) -> int:
        return await self._run(self._ledger.retry_rejects, name, scope)

    async def rejects_page(self, collection: int, after: tuple[str, str]) -> list[LedgerReject]:
        return await self._run(self._ledger.rejects_page, collection, after)

    async def start_run(self, run_id: str, most_in_flight: int, ended: Sequence[str] = ()) -> int:
        return await self._run(self._ledger.start_run, run_id, most_in_flight, ended)

    async def end_run(self, run_id: str, *, complete: bool, finished: int | None = None) -> None:
        await self._run(self._ledger.end_run, run_id, complete=complete, finished=finished)

    async def last_run(self) -> LastRun | None:
        return await self._run(self._ledger.last_run)

    async def spending(self) -> list[Spending]:
        return await self._run(self._ledger.spending)

    async def day_use(self, day: str, space: EmbeddingSpace) -> DayUse:
        return await self._run(self._ledger.day_use, day, space)

    async def keep_quota(self, space: EmbeddingSpace, estimated: EstimatedQuota) -> None:
        await self._run(self._ledger.keep_quota, space, estimated)

    async def estimated_quota(self, space: EmbeddingSpace) -> EstimatedQuota | None:
        return await self._run(self._ledger.estimated_quota, space)

    async def make_room(self, room: CallRoom) -> None:
        await self._run(self._ledger.make_room, room)


@asynccontextmanager
async def open_ledger(folder: Path) -> AsyncIterator[LedgerThread]:
    """The ledger of a locked folder; closed at the end.

    Raises:
        LedgerError, StoreWriteError: as :class:`SqliteLedger`.
    """
    limiter = CapacityLimiter(1)
    ledger = await to_thread.run_sync(SqliteLedger, folder, limiter=limiter)
    try:
        yield LedgerThread(ledger, limiter)
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(ledger.close, limiter=limiter)
