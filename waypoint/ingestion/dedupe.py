"""The stage that finds out where each chunk's vector comes from."""

from __future__ import annotations

from collections.abc import Sequence

from anyio.abc import ObjectReceiveStream, ObjectSendStream

from waypoint.ingestion.in_flight import InFlight
from waypoint.ingestion.jobs.route import Route
from waypoint.ingestion.messages import Candidate, DocumentJob, MetadataChange, WriteOrder
from waypoint.models import Metadata, MetadataValue
from waypoint.observe.events import ChunksDeduplicated, EventBus, TextRejected
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import KnownTexts
from waypoint.storage.port import VectorStore

Group = list[tuple[DocumentJob, list[Candidate]]]


class DedupeStage:
    """Is the chunk in the collection already? Is its text embedded, in flight, or refused?"""

    def __init__(
        self,
        store: VectorStore,
        ledger: Ledger,
        in_flight: InFlight,
        events: EventBus,
        route: Route | None = None,
    ) -> None:
        """``route``: None where no text is, or is to be put, in a batch job."""
        self._store = store
        self._route = route
        self._ledger = ledger
        self._in_flight = in_flight
        self._events = events

    async def run(
        self,
        groups: ObjectReceiveStream[Group],
        to_embed: ObjectSendStream[list[Candidate]],
        orders: ObjectSendStream[WriteOrder],
    ) -> None:
        """Send each chunk to be embedded, to be written, or nowhere if nothing is to be done."""
        async for group in groups:
            await self._in_flight.room()
            order = WriteOrder()
            fitting = [(job, self._fitting(job, candidates, order)) for job, candidates in group]
            misfits = _count(group) - _count(fitting)
            missing = await self._missing(fitting, order)
            claimed = [candidate for candidate in missing if self._in_flight.claim(candidate)]
            known = await self._known(claimed)
            unknown = self._settle_known(claimed, known, order)
            refused = [candidate for candidate in claimed if candidate.key in known.refused]
            present = _count(fitting) - len(missing)
            tokens = sum(_tokens(candidates) for _, candidates in fitting)
            tokens -= _tokens(unknown) + _tokens(refused)
            to_call = await self._route.to_call(unknown) if self._route else unknown
            deferred = self._let_go(unknown, to_call)
            self._events.emit(
                ChunksDeduplicated(
                    present=present,
                    from_ledger=len(claimed) - len(unknown) - len(refused),
                    deferred=deferred,
                    same_text=len(missing) - len(claimed),
                    to_embed=len(to_call),
                    refused=len(refused) + misfits,
                    tokens_saved=tokens,
                )
            )
            if order.settled:
                await orders.send(order)
            if to_call:
                await to_embed.send(to_call)

    def _let_go(self, unknown: Sequence[Candidate], to_call: Sequence[Candidate]) -> int:
        """Give up chunks whose texts wait for a job, with their duplicates; returns the texts.

        Their documents stay incomplete: a later pass reads them again.
        """
        if len(to_call) == len(unknown):
            return 0
        sent = {candidate.key for candidate in to_call}
        waiting = [candidate.key for candidate in unknown if candidate.key not in sent]
        for key in waiting:
            self._in_flight.release(key)
        return len(waiting)

    def _fitting(
        self, job: DocumentJob, candidates: Sequence[Candidate], order: WriteOrder
    ) -> list[Candidate]:
        """Those of a document's chunks that the store can hold; the others are rejected, before
        anything is spent on them."""
        job.keys.extend(candidate.key for candidate in candidates)
        fitting = []
        for candidate in candidates:
            if reason := self._store.misfit(candidate.chunk):
                self._reject(candidate, reason, order)
            else:
                fitting.append(candidate)
        if not fitting:
            order.settled.append((job, 0))
        return fitting

    async def _missing(self, group: Group, order: WriteOrder) -> list[Candidate]:
        """Those of the chunks that the collection lacks; what else it needs goes into the order."""
        missing: list[Candidate] = []
        for job, candidates in group:
            if job.known is None:
                missing.extend(candidates)
            elif candidates:
                missing.extend(await self._compare(job, candidates, order))
        return missing

    async def _compare(
        self, job: DocumentJob, candidates: Sequence[Candidate], order: WriteOrder
    ) -> list[Candidate]:
        """For a document that was started before: only what differs is written."""
        stored = await self._store.metadata_of([candidate.chunk.id for candidate in candidates])
        missing = []
        for candidate in candidates:
            metadata = stored.get(candidate.chunk.id)
            if metadata is None:
                missing.append(candidate)
                continue
            if changes := metadata_changes(metadata, candidate.chunk.metadata):
                order.changes.append(MetadataChange(candidate.chunk.id, changes))
            order.settled.append((job, 1))
        return missing

    async def _known(self, claimed: Sequence[Candidate]) -> KnownTexts:
        if not claimed:
            return KnownTexts({}, {})
        return await self._ledger.known_texts([candidate.key for candidate in claimed])

    def _settle_known(
        self, claimed: Sequence[Candidate], known: KnownTexts, order: WriteOrder
    ) -> list[Candidate]:
        """Write or reject what the ledger knows, with its duplicates; returns all others."""
        unknown = []
        for first in claimed:
            vector, reason = known.committed.get(first.key), known.refused.get(first.key)
            if vector is None and reason is None:
                unknown.append(first)
                continue
            for candidate in (first, *self._in_flight.release(first.key)):
                if vector is not None:
                    order.add(candidate, vector)
                elif reason is not None:
                    self._reject(candidate, reason, order)
        return unknown

    def _reject(self, candidate: Candidate, reason: str, order: WriteOrder) -> None:
        order.reject(candidate, reason)
        chunk = candidate.chunk
        self._events.emit(TextRejected(chunk.source, chunk.id, reason))


def _count(group: Group) -> int:
    return sum(len(candidates) for _, candidates in group)


def _tokens(candidates: Sequence[Candidate]) -> int:
    return sum(candidate.tokens for candidate in candidates)


def metadata_changes(stored: Metadata, wanted: Metadata) -> dict[str, MetadataValue | None]:
    """What an update must say; Chroma merges, so a key that went away is set to None."""
    changes: dict[str, MetadataValue | None] = {
        key: value
        for key, value in wanted.items()
        # Python takes True, 1 and 1.0 for equal; Chroma's filters do not.
        if stored.get(key) != value or type(stored.get(key)) is not type(value)
    }
    changes.update((key, None) for key in stored if key not in wanted)
    return changes
