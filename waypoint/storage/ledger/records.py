"""What the ledger is told, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from waypoint.models import Document, SourceFile, TextKey, Vector


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
