"""The ledger: which documents are begun and done, and every vector that was paid for.

One SQLite file beside the store, in WAL mode and with ``synchronous=FULL``: what a commit
has returned from survives the process and the machine. All methods are synchronous and
belong on the ledger's own thread: see :class:`waypoint.storage.ledger.thread.LedgerThread`.
"""

from __future__ import annotations

from waypoint.storage.ledger.cache import Cache, CachedCollection, CachedSpace
from waypoint.storage.ledger.collections import Collections, LedgerCollection
from waypoint.storage.ledger.contents import (
    Contents,
    LastRun,
    LedgerDocument,
    LedgerReject,
    Spending,
)
from waypoint.storage.ledger.documents import Documents, DoneDocument
from waypoint.storage.ledger.file import LEDGER_NAME
from waypoint.storage.ledger.quotas import Quotas
from waypoint.storage.ledger.rejects import StandingReject
from waypoint.storage.ledger.room import HORIZON, CallRoom
from waypoint.storage.ledger.runs import Runs
from waypoint.storage.ledger.texts import KnownTexts, Texts
from waypoint.storage.ledger.walk import KnownDocument, Sifted, Walk

__all__ = [
    "HORIZON",
    "LEDGER_NAME",
    "CachedCollection",
    "CachedSpace",
    "CallRoom",
    "DoneDocument",
    "KnownDocument",
    "KnownTexts",
    "LastRun",
    "Ledger",
    "LedgerCollection",
    "LedgerDocument",
    "LedgerReject",
    "Sifted",
    "Spending",
    "StandingReject",
]


class Ledger(Texts, Collections, Runs, Walk, Documents, Cache, Quotas, Contents):
    """The whole ledger: each base is one noun over the same file.

    Raises:
        LedgerError: the file is damaged, or is newer than this Waypoint.
        StoreWriteError: the disk is full or the folder cannot be written.
    """
