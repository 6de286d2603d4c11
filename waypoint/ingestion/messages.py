"""What travels between the stages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from waypoint.chunking import ChunkPlan
from waypoint.models import Chunk, Document, MetadataValue, TextKey, Vector
from waypoint.storage.ledger.records import KnownDocument


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was read and did change."""

    document: Document
    known: KnownDocument | None
    siblings: int = 1
    """How many documents its file has, itself among them."""


@dataclass(slots=True, eq=False)
class DocumentJob:
    """A document on its way; the one thing here that changes, by the loop's thread alone."""

    plan: ChunkPlan
    known: KnownDocument | None
    siblings: int = 1
    """How many documents its file has, itself among them."""
    keys: list[TextKey] = field(default_factory=list)
    """Text keys of the chunks looked up so far, in their order."""
    started: bool = False
    settled: int = 0
    """Chunks that are stored as they should be, or rejected."""
    rejects: dict[str, str] = field(default_factory=dict)
    """Chunk id to reason."""
    began: float = field(default_factory=time.monotonic)

    @property
    def document(self) -> Document:
        return self.plan.document

    @property
    def size(self) -> int:
        """Bytes of the file that count as this document's."""
        return self.document.file.size // self.siblings

    @property
    def complete(self) -> bool:
        return self.settled == self.plan.count


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk with what is needed to find or buy its vector."""

    job: DocumentJob
    chunk: Chunk
    key: TextKey
    text: str
    """As it is sent to the model."""
    tokens: int
    """Estimated."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A chunk to be written with its vector."""

    job: DocumentJob
    chunk: Chunk
    vector: Vector


@dataclass(frozen=True, slots=True)
class MetadataChange:
    """A chunk that is stored already, but with other metadata; None removes a key."""

    chunk_id: str
    changes: Mapping[str, MetadataValue | None]


@dataclass(slots=True)
class WriteOrder:
    """What the writer is to do, and which chunks are settled once it is done."""

    additions: list[Addition] = field(default_factory=list)
    changes: list[MetadataChange] = field(default_factory=list)
    settled: list[tuple[DocumentJob, int]] = field(default_factory=list)
    """Documents, with the number of their chunks that this order settles; 0 for a document
    without chunks."""

    @property
    def rows(self) -> int:
        return len(self.additions) + len(self.changes)

    def extend(self, other: WriteOrder) -> None:
        self.additions.extend(other.additions)
        self.changes.extend(other.changes)
        self.settled.extend(other.settled)

    def add(self, candidate: Candidate, vector: Vector) -> None:
        self.additions.append(Addition(candidate.job, candidate.chunk, vector))
        self.settled.append((candidate.job, 1))

    def reject(self, candidate: Candidate, reason: str) -> None:
        """Settle a chunk whose text the service refuses: its document is done without it."""
        candidate.job.rejects[candidate.chunk.id] = reason
        self.settled.append((candidate.job, 1))
