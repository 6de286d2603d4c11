"""The service of a verification, found and built when the first check needs it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from waypoint.embedding.providers import endpoint_of
from waypoint.errors import CollectionMismatchError, MissingKeyError
from waypoint.models import EmbeddingSpace
from waypoint.observe.events import EventBus
from waypoint.query.embed_questions import Service
from waypoint.query.open import OpenStore
from waypoint.settings import Settings


class LazyService:
    """The service, found and built when the first check needs it."""

    def __init__(
        self,
        settings: Settings,
        store: OpenStore,
        space: EmbeddingSpace | None,
        events: EventBus,
        stack: AsyncExitStack,
    ) -> None:
        self.space = space
        self._build = partial(self._find, settings, store, events, stack)
        self._found: tuple[Service | None, str] | None = None

    async def service(self) -> tuple[Service | None, str]:
        """The service; or None and why there is none.

        Raises:
            WaypointError: it is there, and does not answer well.
        """
        if self._found is None:
            self._found = await self._build()
        return self._found

    async def _find(
        self, settings: Settings, store: OpenStore, events: EventBus, stack: AsyncExitStack
    ) -> tuple[Service | None, str]:
        if self.space is None:
            return None, "the collection does not say which model its vectors are of"
        # What is asked is asked of the collection's model, whatever the settings say.
        fitting = settings.model_copy(update={"embedding_model": self.space.model})
        try:
            endpoint = await endpoint_of(fitting, self.space.provider)
        except (MissingKeyError, CollectionMismatchError) as error:
            return None, error.message
        return Service(fitting, endpoint, store.ledger, events, stack), ""
