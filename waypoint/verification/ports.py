"""What verification needs of a collection, of the ledger, of the folder and of the service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from waypoint.models import (
    Discovery,
    SourceFile,
    TextKey,
    Vectors,
)
from waypoint.storage.ledger.records import LedgerDocument, LedgerReject


@dataclass(frozen=True, slots=True)
class LedgerChunk:
    """A chunk of a document that is done, as the ledger has it."""

    id: str
    source: str
    key: TextKey


class LedgerView(Protocol):
    """What the ledger says of the collection, a page at a time. Raises ``LedgerError``."""

    def documents(self) -> AsyncIterator[Sequence[LedgerDocument]]: ...

    def chunks(self, document: LedgerDocument) -> AsyncIterator[Sequence[LedgerChunk]]: ...

    def rejects(self) -> AsyncIterator[Sequence[LedgerReject]]: ...

    async def vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, bytes]:
        """The bytes kept for those of the texts that are committed: float32, little-endian."""
        ...


class Folder(Protocol):
    """The knowledge base. Synchronous: it is used off the loop."""

    def discover(self) -> Iterator[Discovery]:
        """Walk it. Raises ``UsageError`` at once if it does not exist."""
        ...

    def is_edited(self, file: SourceFile, before: str) -> bool:
        """As ``Source``."""
        ...

    def digest(self, file: SourceFile) -> str:
        """SHA-256 of the file's bytes, hexadecimal. Raises ``DocumentRejectedError``."""
        ...

    def sidecar_digest(self, file: SourceFile) -> str:
        """As ``Document.sidecar_digest``, of what its sidecars say now."""
        ...


class TextEmbedder(Protocol):
    """Turns texts into vectors through the service, within the quota."""

    async def embed(self, texts: Sequence[str], contexts: Sequence[str] = ()) -> Vectors:
        """Shape (len(texts), dimensions), rows of unit length. Any number of texts.

        ``contexts``: what says of each text where it comes from; none for none.

        Raises:
            WaypointError: the service cannot be asked.
        """
        ...
