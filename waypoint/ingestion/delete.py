"""What vanished from the folder leaves the collection, but only when that is believable."""

from __future__ import annotations

from collections.abc import Sequence

from waypoint.ingestion.discover import WalkResult
from waypoint.ingestion.write import Writer
from waypoint.models import root_of
from waypoint.observe.events import EventBus, RemovalRefused
from waypoint.stopping import Stop
from waypoint.storage.ledger.port import Ledger
from waypoint.storage.ledger.records import LedgerCollection


class DeleteStage:
    """Runs after everything else, so that a renamed file's chunks are in before they are out.

    Args:
        scopes: what the sources of this run begin with, for each of its roots; only within
            these is anything removed.
        allow_mass_delete: the user said that the missing documents are to go.
    """

    def __init__(
        self,
        ledger: Ledger,
        writer: Writer,
        collection: LedgerCollection,
        stop: Stop,
        events: EventBus,
        *,
        scopes: Sequence[str],
        allow_mass_delete: bool,
    ) -> None:
        self._ledger = ledger
        self._writer = writer
        self._collection = collection
        self._stop = stop
        self._events = events
        self._scopes = scopes
        self._allowed = allow_mass_delete

    async def run(self, walk: WalkResult) -> None:
        """Remove what the complete walk did not meet, or refuse to and say why."""
        for scope in self._scopes:
            await self._remove(walk, scope)

    async def _remove(self, walk: WalkResult, scope: str) -> None:
        collection = self._collection.id
        # Unreadable folders are unknown, not gone; the root itself cannot be one of them.
        vanished = await self._ledger.vanished(collection, scope, walk.unreadable)
        reason = "" if self._allowed else await self._disbelief(walk, scope, len(vanished))
        if vanished and reason:
            self._events.emit(RemovalRefused(len(vanished), reason))
            return
        for source in vanished:
            if self._stop.requested:
                return
            await self._writer.remove(source)
        await self._ledger.clear_vanished_rejects(collection, scope, walk.unreadable)

    async def _disbelief(self, walk: WalkResult, scope: str, vanished: int) -> str:
        known = await self._ledger.document_count(self._collection.id, scope)
        hint = "; if they are to be removed, run again with --allow-mass-delete"
        if not walk.files[root_of(scope)]:
            return f"the folder is empty{hint}"
        if vanished * 2 > known:
            return f"more than half of the {known:,} documents are missing{hint}"
        return ""
