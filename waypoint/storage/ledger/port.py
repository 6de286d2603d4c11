"""The ledger as the rest of Waypoint sees it: an embedding cache and a checkpoint in one.

Each method is one transaction: once it has returned, what it wrote survives a crash. One that
has begun is waited for, also under cancellation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

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
from waypoint.storage.ledger.records import (
    BatchJob,
    CachedCollection,
    CachedSpace,
    CompleteDocument,
    JobLimits,
    JobStage,
    KnownDocument,
    KnownTexts,
    LastRun,
    LedgerCollection,
    LedgerDocument,
    LedgerReject,
    Partition,
    PooledText,
    PoolSize,
    RejectedItem,
    Settlement,
    Spending,
    WaitingTexts,
)
from waypoint.storage.ledger.room import CallRoom

T = TypeVar("T")

# fmt: off


class CollectionLedger(Protocol):
    """The collections, by the id that :class:`LedgerCollection` carries."""

    async def collection(self, name: str) -> LedgerCollection | None: ...
    async def cached_collections(self) -> list[CachedCollection]: ...
    async def unfinished_collections(self) -> list[str]:
        """Names of those that a run has started to fill, or documents of, and not completed."""
    async def adopt_collection(
        self, name: str, *, store_id: str, generation: int, root: str, selection: str = ""
    ) -> LedgerCollection:
        """Describe this collection from now on; documents of an earlier one become incomplete."""
    async def clear_collection(self, name: str, root: str, selection: str = "") -> None:
        """Forget its documents and rejects; its vectors stay committed."""
    async def set_generation(self, collection: int, generation: int) -> None: ...
    async def set_origin(
        self, collection: int, generation: int, root: str, selection: str, *, reread: bool
    ) -> None:
        """What it is made from; with ``reread`` its documents become incomplete."""
    async def suspect_collections(self) -> None:
        """Chroma was killed: any index may be damaged until :meth:`trust_collection`."""
    async def trust_collection(self, collection: int) -> None: ...
    async def start_filling(self, collection: int) -> bool:
        """Mark it unfinished until a run completes it; returns whether it was."""
    async def chunk_count(self, collection: int) -> int | None:
        """Chunks that it should hold; None while a document is incomplete."""
    async def uncommitted_chunks(self, collection: int) -> int:
        """Chunks of its documents, as they last were, whose vectors are not committed."""


class DocumentLedger(Protocol):
    """The documents of a collection: started before their first write, complete after the last."""

    async def start_documents(self, collection: int, sources: Sequence[str]) -> None: ...
    async def complete_documents(
        self, collection: int, documents: Sequence[CompleteDocument]
    ) -> None:
        """The store holds exactly these chunks; what was rejected of them before is cleared."""
    async def refresh_documents(
        self, collection: int, documents: Sequence[Document], siblings: Sequence[int] | None = None
    ) -> None:
        """New version and warnings of documents whose content has not changed."""
    async def forget_documents(self, collection: int, sources: Sequence[str]) -> None: ...
    async def partition_unchanged(
        self,
        collection: int,
        files: Sequence[SourceFile],
        readers_of: Callable[[str], Sequence[str]] = ...,
        reread: bool = False,
    ) -> Partition:
        """Files that may have changed, and the rest; documents of the rest count as seen."""
    async def find_documents(
        self, collection: int, sources: Sequence[str]
    ) -> dict[str, KnownDocument]:
        """Those that are known; all of ``sources`` count as seen."""
    async def mark_seen(self, sources: Iterable[str]) -> None: ...
    async def mark_file_seen(self, collection: int, file: str) -> None: ...
    async def vanished(self, collection: int, scope: str, unreadable: Sequence[str]) -> list[str]:
        """Sources that begin with ``scope`` and were not seen, in no unreadable folder."""
    async def document_count(self, collection: int, scope: str | None = None) -> int: ...
    async def documents_page(self, collection: int, after: int) -> list[LedgerDocument]: ...
    async def chunks_page(self, document: int, after: str) -> list[tuple[str, TextKey]]: ...


class VectorLedger(Protocol):
    """The embedding cache, shared by all collections."""

    async def known_texts(self, keys: Sequence[TextKey]) -> KnownTexts:
        """Texts that need not be sent: committed, or refused by the service."""
    async def committed_vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, Vector]: ...
    async def committed_keys(self, keys: Sequence[TextKey]) -> set[TextKey]: ...
    async def raw_vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, bytes]:
        """The bytes as they are kept, float32 little-endian, not checked."""
    async def commit_vectors(
        self, space: EmbeddingSpace, keys: Sequence[TextKey], vectors: Vectors,
        *, tokens: int, cost_usd: float, day: str,
    ) -> None:
        """Of one answered call; ``vectors``: shape (len(keys), dimensions)."""
    async def count_lost(
        self, space: EmbeddingSpace, texts: int, *, tokens: int, cost_usd: float, day: str
    ) -> None:
        """A call that was answered and whose vectors could not be committed."""
    async def restore_vectors(
        self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector]
    ) -> int:
        """Rebuilt from the store; returns how many were not committed."""
    async def replace_vectors(
        self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector | None]
    ) -> None:
        """In place of damaged ones; None drops one."""
    async def refuse_text(self, key: TextKey, reason: str) -> None: ...
    async def cached_spaces(self) -> list[CachedSpace]: ...
    async def cached_refusals(self) -> int:
        """Texts that stand refused, whatever their model."""
    async def prune_unused(self) -> int:
        """Drop vectors and refused texts that no document has; returns the number of vectors."""


class RejectLedger(Protocol):
    """Files, documents (``chunk_id`` is empty) and chunks that could not be ingested."""

    async def reject(self, collection: int, source: str, reason: str, hint: str = "") -> None: ...
    async def reject_all(self, collection: int, rejects: Sequence[tuple[str, str, str]]) -> None:
        """Each is a source, the reason and the hint."""
    async def clear_rejects(self, collection: int, files: Sequence[str]) -> None: ...
    async def clear_vanished_rejects(
        self, collection: int, scope: str, unreadable: Sequence[str] = ()
    ) -> None: ...
    async def retry_rejects(self, name: str, scope: str) -> int:
        """Clear what keeps rejected chunks from being sent again; returns how many there are."""
    async def rejects_page(self, collection: int, after: tuple[str, str]) -> list[LedgerReject]: ...
    async def read_rejects(self, read: Callable[[Iterator[RejectedItem]], T]) -> T:
        """Have all rejects of all collections read, off the event loop."""


class RunLedger(Protocol):
    """Runs, what they billed, and what they found out about the quota."""

    async def start_run(
        self, run_id: str, most_in_flight: int, ended: Sequence[str] = ()
    ) -> int:
        """Returns how many texts killed runs had in flight."""
    async def end_run(
        self, run_id: str, *, complete: bool, finished: int | None = None
    ) -> None: ...
    async def last_run(self) -> LastRun | None: ...
    async def spending(self) -> list[Spending]: ...
    async def day_use(self, day: str, space: EmbeddingSpace) -> DayUse: ...
    async def keep_quota(self, space: EmbeddingSpace, estimated: EstimatedQuota) -> None: ...
    async def estimated_quota(self, space: EmbeddingSpace) -> EstimatedQuota | None: ...


class Ledger(
    CollectionLedger, DocumentLedger, VectorLedger, RejectLedger, RunLedger, Protocol
):
    """All of it.

    Raises:
        LedgerError: it cannot be read; ``LedgerDamagedError`` where that is for good.
        StoreWriteError: it cannot be written.
    """

    @property
    def closing(self) -> StoreWriteError | None:
        """Why only what is in flight may still be committed; None while anything may."""

    @property
    def batch(self) -> JobLedger | None:
        """Its batch jobs; None for a ledger that keeps none."""
        return None

    async def make_room(self, room: CallRoom) -> None:
        """Reserve disk space for the answers to so many calls, before they are made."""


class JobLedger(Protocol):
    """Batch jobs, and the texts that wait for them; of the same ledger, in the same transactions.

    Raises:
        LedgerError, StoreWriteError: as :class:`Ledger`.
    """

    async def jobs(self, *, live: bool) -> list[BatchJob]: ...
    async def waiting_texts(self, keys: Sequence[TextKey]) -> WaitingTexts: ...
    async def pool_texts(self, space: EmbeddingSpace, texts: Sequence[PooledText]) -> None: ...
    async def take_pooled(self, keys: Sequence[TextKey]) -> set[TextKey]:
        """Take texts out of the pool; returns those that were still there."""
    async def empty_pool(self) -> list[str]:
        """Forget what was never submitted; returns the jobs whose files may be at the service."""
    async def pool_size(self, space: EmbeddingSpace) -> PoolSize: ...
    async def prepare_job(
        self, space: EmbeddingSpace, account: str, limits: JobLimits
    ) -> BatchJob | None:
        """Claim texts of the pool for a new job, at least one; None if there are none."""
    async def add_twin(self, job: BatchJob, name: str) -> None: ...
    async def job_page(self, job_id: str, after: int) -> list[tuple[int, TextKey, str]]: ...
    async def rename_job(self, job_id: str) -> BatchJob: ...
    async def note_job(self, job_id: str, stage: JobStage, name: str = "") -> None: ...
    async def note_cancelled(self, job_id: str) -> None: ...
    async def drop_job(self, job_id: str) -> None:
        """It was never made: its texts are in the pool again."""
    async def unmake_job(self, job_id: str, outcome: str) -> None:
        """As ``drop_job``; but it is remembered, should the service make it late."""
    async def job_texts(
        self, job_id: str, keys: Sequence[TextKey]
    ) -> dict[TextKey, tuple[int, int]]:
        """Of those texts that wait for this job, tokens (estimated) and bytes of UTF-8."""
    async def texts_left(self, job_id: str) -> PoolSize: ...
    async def commit_rows(
        self, job: BatchJob, keys: Sequence[TextKey], vectors: Vectors,
        *, tokens: int, cost_usd: float, day: str,
    ) -> None: ...
    async def settle_job(self, job: BatchJob, settlement: Settlement, day: str) -> BatchJob:
        """What still waits for it is given back; returns the job as it is then."""
    async def take_over(self, damaged: Path) -> tuple[int, int]:
        """Take from a damaged ledger what can be read of its live jobs; how many, and texts."""
