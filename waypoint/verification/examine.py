"""Records, a page at a time: held against the rules and against the committed vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from anyio import to_thread

from waypoint.embedding.tokens import estimate_tokens
from waypoint.models import Metadata, TextKey, Vector
from waypoint.storage.port import StoredRecords
from waypoint.verification.inventory import Inventory, Seen
from waypoint.verification.ports import LedgerChunk, LedgerView
from waypoint.verification.record_rules import (
    committed_vector,
    metadata_problem,
    same_direction,
    text_problem,
    vector_problems,
)


class RecordExaminer:
    """Enters its findings into the inventory. ``ledger``: None if it cannot be asked."""

    def __init__(self, inventory: Inventory, ledger: LedgerView | None, dimensions: int) -> None:
        self._inventory = inventory
        self._ledger = ledger
        self._dimensions = dimensions

    async def look_at(self, page: StoredRecords) -> None:
        """Enter what is wrong with the records of a page, and the little that is kept of them."""
        known = await to_thread.run_sync(self._inventory.expected_of, page.ids)
        committed: dict[TextKey, bytes] | None = None
        if self._ledger is not None and page.vectors is not None:
            committed = await self._ledger.vectors([chunk.key for chunk in known.values()])
        await to_thread.run_sync(self._examine, page, known, committed)

    def _examine(
        self,
        page: StoredRecords,
        known: Mapping[str, LedgerChunk],
        committed: Mapping[TextKey, bytes] | None,
    ) -> None:
        problems = [""] * len(page.ids)
        if page.vectors is not None:
            problems = vector_problems(page.vectors, self._dimensions)
        seen = []
        for row, chunk_id in enumerate(page.ids):
            text, metadata = page.texts[row], page.metadatas[row]
            chunk = known.get(chunk_id)
            self._note(chunk_id, "texts", text_problem(text, metadata), delete=True)
            self._note(chunk_id, "vectors", problems[row], delete=True)
            self._note_metadata(chunk_id, metadata, chunk)
            if chunk is not None and committed is not None and page.vectors is not None:
                whole = not problems[row]
                self._compare(chunk, text or "", page.vectors[row], committed.get(chunk.key), whole)
            seen.append(_seen(chunk_id, text, metadata))
        self._inventory.add_seen(seen)

    def _note(self, chunk_id: str, check: str, problem: str, *, delete: bool) -> None:
        if problem:
            self._inventory.find(check, chunk_id, problem)
            if delete:
                self._inventory.mark_for_deletion(chunk_id)

    def _note_metadata(self, chunk_id: str, metadata: Metadata, chunk: LedgerChunk | None) -> None:
        problem = metadata_problem(metadata)
        foreign = not isinstance(metadata.get("source"), str) or not metadata["source"]
        if not foreign and chunk is not None and metadata["source"] != chunk.source:
            foreign = True
            problem = problem or f"source is not the ledger's, {chunk.source}"
        # One that says it is another document's would be deleted with that one's stale chunks.
        self._note(chunk_id, "metadata", problem, delete=foreign)

    def _compare(
        self, chunk: LedgerChunk, text: str, stored: Vector, data: bytes | None, whole: bool
    ) -> None:
        committed = committed_vector(data, self._dimensions)
        if committed is None:
            what = "is not in the ledger" if data is None else "is damaged in the ledger"
            self._inventory.find("committed", chunk.id, f"the vector of its text {what}")
            copy = np.ascontiguousarray(stored, dtype="<f4").tobytes() if whole else None
            self._inventory.note_bad_key(chunk.key, estimate_tokens(text), copy)
        elif len(stored) == len(committed) and not same_direction(stored, committed):
            what = "not the vector committed for its text"
            self._note(chunk.id, "committed", what, delete=True)


def _seen(chunk_id: str, text: str | None, metadata: Metadata) -> Seen:
    source = metadata.get("source")
    digest = hashlib.sha256((text or "").encode()).digest()[:16]
    return Seen(
        id=chunk_id,
        source=source if isinstance(source, str) and source else None,
        chunk_index=_whole(metadata.get("chunk_index")),
        chunk_count=_whole(metadata.get("chunk_count")),
        hash=digest,
        empty=not (text or "").strip(),
    )


def _whole(value: object) -> int | None:
    return value if type(value) is int else None
