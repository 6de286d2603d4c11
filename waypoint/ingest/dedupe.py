"""The stage that finds out where each chunk's vector comes from."""

from __future__ import annotations

from collections.abc import Sequence

from anyio.abc import ObjectReceiveStream, ObjectSendStream

from waypoint.ingest.in_flight import InFlight
from waypoint.ingest.messages import Candidate, DocumentJob, MetadataChange, WriteOrder
from waypoint.models import Metadata, MetadataValue
from waypoint.observe.events import ChunksDeduplicated, EventBus, TextRejected
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import KnownTexts
from waypoint.storage.port import VectorStore

Group = list[tuple[DocumentJob, list[Candidate]]]


class DedupeStage:
    """Is the chunk in the collection already? Is its text paid for, being paid for, or refused?"""

    def __init__(
        self, store: VectorStore, ledger: Ledger, in_flight: InFlight, events: EventBus
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._in_flight = in_flight
        self._events = events

    async def run(
        self,
        groups: ObjectReceiveStream[Group],
        to_pay: ObjectSendStream[list[Candidate]],
        orders: ObjectSendStream[WriteOrder],
    ) -> None:
        """Send each chunk to be paid for, to be written, or nowhere if nothing is to be done."""
        async for group in groups:
            await self._in_flight.room()
            order = WriteOrder()
            missing = await self._missing(group, order)
            leaders = [candidate for candidate in missing if self._in_flight.claim(candidate)]
            known = await self._known(leaders)
            unpaid = self._unpaid(leaders, known, order)
            accepted = self._not_refused(unpaid, known, order)
            present = sum(len(candidates) for _, candidates in group) - len(missing)
            tokens = sum(_tokens(candidates) for _, candidates in group) - _tokens(unpaid)
            self._events.emit(
                ChunksDeduplicated(
                    present=present,
                    from_ledger=len(leaders) - len(unpaid),
                    same_text=len(missing) - len(leaders),
                    to_embed=len(accepted),
                    refused=len(unpaid) - len(accepted),
                    tokens_saved=tokens,
                )
            )
            if order.settled:
                await orders.send(order)
            if accepted:
                await to_pay.send(accepted)

    async def _missing(self, group: Group, order: WriteOrder) -> list[Candidate]:
        """Those of the chunks that the collection lacks; what else it needs goes into the order."""
        missing: list[Candidate] = []
        for job, candidates in group:
            job.keys.extend(candidate.key for candidate in candidates)
            if not candidates:
                order.settled.append((job, 0))
            elif job.known is None:
                missing.extend(candidates)
            else:
                missing.extend(await self._compare(job, candidates, order))
        return missing

    async def _compare(
        self, job: DocumentJob, candidates: Sequence[Candidate], order: WriteOrder
    ) -> list[Candidate]:
        """For a document that was begun before: only what differs is written."""
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

    async def _known(self, leaders: Sequence[Candidate]) -> KnownTexts:
        if not leaders:
            return KnownTexts({}, {})
        return await self._ledger.known_texts([leader.key for leader in leaders])

    def _unpaid(
        self, leaders: Sequence[Candidate], known: KnownTexts, order: WriteOrder
    ) -> list[Candidate]:
        unpaid = []
        for leader in leaders:
            vector = known.paid.get(leader.key)
            if vector is None:
                unpaid.append(leader)
                continue
            for candidate in (leader, *self._in_flight.release(leader.key)):
                order.add(candidate, vector)
        return unpaid

    def _not_refused(
        self, unpaid: Sequence[Candidate], known: KnownTexts, order: WriteOrder
    ) -> list[Candidate]:
        """Those of the texts that the service has not refused before; the others are rejected."""
        accepted = []
        for leader in unpaid:
            reason = known.refused.get(leader.key)
            if reason is None:
                accepted.append(leader)
                continue
            for candidate in (leader, *self._in_flight.release(leader.key)):
                order.reject(candidate, reason)
                chunk = candidate.chunk
                self._events.emit(TextRejected(chunk.source, chunk.id, reason))
        return accepted


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
