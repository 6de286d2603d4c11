"""The ledger as verification sees it: one collection's rows, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from waypoint.models import TextKey
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import LedgerDocument, LedgerReject
from waypoint.verification.ports import LedgerChunk


class CollectionLedger:
    """As ``LedgerView``; ``collection`` is its id in the ledger."""

    def __init__(self, ledger: Ledger, collection: int) -> None:
        self._ledger = ledger
        self._collection = collection

    async def documents(self) -> AsyncIterator[Sequence[LedgerDocument]]:
        after = 0
        while page := await self._ledger.documents_page(self._collection, after):
            yield page
            after = page[-1].id

    async def chunks(self, document: LedgerDocument) -> AsyncIterator[Sequence[LedgerChunk]]:
        after = ""
        while page := await self._ledger.chunks_page(document.id, after):
            yield [LedgerChunk(chunk_id, document.source, key) for chunk_id, key in page]
            after = page[-1][0]

    async def rejects(self) -> AsyncIterator[Sequence[LedgerReject]]:
        after = ("", "")
        while page := await self._ledger.rejects_page(self._collection, after):
            yield page
            after = (page[-1].source, page[-1].chunk_id)

    async def vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, bytes]:
        return await self._ledger.raw_vectors(keys)
