"""Ledgers: what opens each kind, one entry each, and which of them the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, cast

from waypoint.adapters import entry_of, imported
from waypoint.settings import Settings
from waypoint.storage.ledger.port import Ledger

LEDGERS = {"sqlite": "waypoint.storage.ledger.opening:Sqlite"}
"""By the name that LEDGER_DATABASE has for it: the class of its ``LedgerKind``."""


class LedgerKind(Protocol):
    """How a kind of ledger is opened; ``folder`` is always CHROMA_PERSIST_PATH."""

    def exists(self, folder: Path) -> bool:
        """Whether one was ever made there. Raises OSError if that cannot be seen."""
        ...

    def open(self, folder: Path) -> AbstractAsyncContextManager[Ledger]:
        """The ledger of a locked folder, made if there is none; closed at the end.

        Raises:
            LedgerError: it cannot be read; ``LedgerDamagedError`` where that is for good.
            StoreWriteError: it cannot be written.
        """
        ...

    def files(self, folder: Path) -> Sequence[Path]:
        """Its files there, the ledger itself first; to be quarantined if it is damaged."""
        ...

    def collections(self, folder: Path) -> Sequence[str]:
        """Names of the collections it knows, as far as they can be read without opening it."""
        ...


def chosen_ledger(settings: Settings) -> LedgerKind:
    """The kind of ledger that the settings name.

    Raises:
        ConfigurationError: there is none of that name.
    """
    place = entry_of(LEDGERS, settings.ledger_database, "LEDGER_DATABASE", "a ledger's database")
    return cast("LedgerKind", imported(place)())
