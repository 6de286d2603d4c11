"""Vector stores: what opens each kind, one entry each, and which of them the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from waypoint.adapters import entry_of, imported
from waypoint.errors import StoreDamagedError
from waypoint.observe.events import EventBus
from waypoint.settings import Settings
from waypoint.storage.lock import StoreLock
from waypoint.storage.port import VectorStore

STORES = {"chroma": "waypoint.storage.chroma.opening:Chroma"}
"""By the name that VECTOR_STORE has for it: the class of its ``StoreKind``."""


class Upkeep(Protocol):
    """What a run can do about the process and the files of a store."""

    @property
    def has_died(self) -> bool:
        """Whether the store's own process ended by itself while it was in use."""
        ...

    async def restart(self) -> None:
        """Start it again if it has ended: not all that is asked of it loads an index."""
        ...

    async def confirm_damage(self) -> None:
        """Make sure that what it says of its files is not the disk's or the owner's fault.

        Raises:
            StoreWriteError: it may be.
        """
        ...

    async def quarantine(self, error: StoreDamagedError) -> None:
        """Quarantine its files and start over none; first says what goes with them.

        Raises:
            StoreDamagedError: the files are not what is wrong; nothing was touched.
            StoreWriteError: they cannot be moved; nothing was touched.
        """
        ...


class NoUpkeep:
    """The ``Upkeep`` of a store that somebody else runs."""

    has_died = False

    async def restart(self) -> None:
        """It is not ours to start."""

    async def confirm_damage(self) -> None:
        """Nothing of it can be looked at."""

    async def quarantine(self, error: StoreDamagedError) -> None:
        raise error


@dataclass(frozen=True, slots=True)
class OpenedStore:
    """A store as a run has it."""

    store: VectorStore
    upkeep: Upkeep


class StoreKind(Protocol):
    """How a kind of store is reached."""

    def address(self, settings: Settings) -> str:
        """Where it is, for a person; empty for one in the folder CHROMA_PERSIST_PATH itself, which
        nobody else may have open."""
        ...

    def files(self, folder: Path) -> Sequence[Path]:
        """Its files and folders in CHROMA_PERSIST_PATH."""
        ...

    def open(
        self, settings: Settings, lock: StoreLock, events: EventBus
    ) -> AbstractAsyncContextManager[OpenedStore]:
        """Open it for a run, which holds the lock of CHROMA_PERSIST_PATH.

        Raises:
            StoreUnavailableError: it does not start, cannot be reached, or refuses access.
            ConfigurationError: what is configured for it is of no use.
        """
        ...

    def look(
        self, settings: Settings, lock: StoreLock | None, events: EventBus
    ) -> AbstractAsyncContextManager[VectorStore]:
        """Open it to be looked at: nothing in it is made or moved.

        ``lock``: needed where ``address`` is empty.

        Raises:
            StoreDamagedError: its files are proved to be damaged.
            StoreUnavailableError, StoreWriteError: as ``open``.
        """
        ...


def chosen_store(settings: Settings) -> StoreKind:
    """The kind of store that the settings name.

    Raises:
        ConfigurationError: there is none of that name.
    """
    place = entry_of(STORES, settings.vector_store, "VECTOR_STORE", "a vector store")
    return cast("StoreKind", imported(place)())
