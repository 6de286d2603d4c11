"""What the ledger is told, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum

from waypoint.models import Document, EmbeddingSpace, SourceFile, TextKey, Vector


@dataclass(frozen=True, slots=True)
class CachedSpace:
    """The vectors of one embedding space."""

    provider: str
    model: str
    dimensions: int
    task_type: str
    vectors: int
    unused: int
    """Of them, those that no collection uses."""


@dataclass(frozen=True, slots=True)
class CachedCollection:
    """A collection as the ledger describes it."""

    name: str
    root: str
    documents: int
    incomplete: int
    """Of them, those that a run has started and not completed."""
    chunks: int
    rejects: int
    selection: str
    """What of the folder ``root`` is meant, as JSON."""


@dataclass(frozen=True, slots=True)
class LedgerCollection:
    """The collection that the ledger's documents describe."""

    id: int
    name: str
    store_id: str
    generation: int
    root: str
    """The folder its documents are from."""
    suspect: bool = False
    """A process that may have been writing it was killed, and its index was not asked since."""
    selection: str = ""
    """What of the folder is meant, as JSON; empty if that was never noted."""


@dataclass(frozen=True, slots=True)
class LedgerDocument:
    """A document as the ledger describes it."""

    id: int
    source: str
    complete: bool
    version: str
    """In which its file was read; empty if it is to be read again."""
    digest: str
    chunk_count: int
    """With the chunks that are rejected."""
    sidecars: str = ""
    """Version of its file's sidecars when it was read."""
    sidecar_digest: str = ""
    """As in ``Document``."""


@dataclass(frozen=True, slots=True)
class LedgerReject:
    """What stands rejected; ``chunk_id`` is empty for a whole document."""

    source: str
    chunk_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class LastRun:
    """The latest run; times are seconds since the epoch."""

    run_id: str
    started: float
    ended: float | None
    """None: it was killed, or is running."""
    complete: bool


@dataclass(frozen=True, slots=True)
class Spending:
    """What was embedded with one model, over all days."""

    provider: str
    model: str
    texts: int
    tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class CompleteDocument:
    """A document all of whose chunks the store has acknowledged."""

    document: Document
    chunks: Sequence[tuple[str, TextKey]]
    """Id and text key of each chunk."""
    rejects: Mapping[str, str]
    """Chunk id to reason, for chunks that cannot be embedded."""
    siblings: int = 1
    """How many documents its file has, itself among them."""


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """A document or a chunk that stands rejected."""

    collection: str
    source: str
    chunk: str
    """Its id; empty for a whole document."""
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class KnownTexts:
    """Of the texts that were asked about, those that need not be sent."""

    committed: dict[TextKey, Vector]
    refused: dict[TextKey, str]
    """With the service's reason; none of them is committed."""


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """What the ledger holds of a document from an earlier run."""

    digest: str
    chunk_count: int
    complete: bool
    reader: str = ""
    """Which reader made it; empty if that was not noted."""
    sidecar_digest: str = ""

    def is_same(self, document: Document) -> bool:
        """Whether a document that was read now is what the store holds."""
        read = document.digest, document.sidecar_digest
        return self.complete and (self.digest, self.sidecar_digest) == read


@dataclass(frozen=True, slots=True)
class Partition:
    """Files of a walk, told apart."""

    changed: list[SourceFile]
    """Those that may have changed, and are to be read."""
    unchanged_documents: int
    """Documents of the others."""
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What was told of unchanged documents when they were read, by source; of those that have
    any."""
    outdated_documents: int = 0
    """Of the unchanged ones, those that an earlier reader made."""
    warned_files: Mapping[str, int] = field(default_factory=dict)
    """How many documents each file has that these warnings are of."""


class JobStage(StrEnum):
    """How far a batch job is."""

    PREPARED = "prepared"
    """It has a name and its texts; the service was not asked yet."""
    UPLOADED = "uploaded"
    SUBMITTING = "submitting"
    """The service was asked to make it, and may have: never ask again before it was looked for."""
    SUBMITTED = "submitted"
    SETTLED = "settled"
    """Nothing more comes of it; its files, and it, are to be deleted at the service."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class BatchJob:
    """A batch job of ours. Times are seconds of the wall clock, 0 for not yet."""

    id: str
    """Its display name, and the name of its input file."""
    account: str
    """Of the key that it was asked for with."""
    stage: JobStage
    name: str
    """The service's; empty before it is known."""
    twin_of: str
    """The job that was asked for, where the service made this one beside it; else empty."""
    texts: int
    tokens: int
    """Estimated."""
    created: float
    submitted: float
    cancelled: float
    """When it was to be cancelled."""
    ended: float
    outcome: str
    """What became of it, in words; empty before."""
    committed: int
    """Texts."""
    cost_usd: float
    """Of what was committed."""
    returned: int
    """Texts that were given back, to be put into another job."""
    to_calls: int
    """Texts that were given back, to be sent in calls."""
    lost_texts: int
    """May have been billed for nothing."""
    lost_usd: float
    space: EmbeddingSpace

    @property
    def queued(self) -> bool:
        """Whether it is, or may be, in the service's queue."""
        return self.stage in (JobStage.SUBMITTING, JobStage.SUBMITTED)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of a job of which nothing more comes, and of the texts that it did not bring."""

    outcome: str
    lost: PoolSize
    """What may have been billed for nothing."""
    lost_usd: float
    refused: Sequence[TextKey] = ()
    """Texts that the service calls invalid: a call is to tell."""
    rows_failed: bool = False
    """Whether it is the texts' own rows that failed, rather than the whole job."""
    to_calls: bool = False
    """All that it gives back is to be sent in calls."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What one job may be made of."""

    texts: int
    tokens: int


@dataclass(frozen=True, slots=True)
class WaitingTexts:
    """Of the texts that were asked about."""

    in_job: Set[TextKey]
    pooled: Set[TextKey]
    for_calls: Set[TextKey]
    """They wait for no job any more: jobs did not bring them."""


@dataclass(frozen=True, slots=True)
class PooledText:
    """A text that is to be put into a job."""

    key: TextKey
    text: str
    """As it is sent to the model."""
    tokens: int
    """Estimated."""


@dataclass(frozen=True, slots=True)
class PoolSize:
    """Texts, and their tokens as they are estimated."""

    texts: int
    tokens: int
