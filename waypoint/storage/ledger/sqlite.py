"""The ledger in one SQLite file beside the store.

In WAL mode and with ``synchronous=FULL``: what a commit has returned from survives the process
and the machine. All methods are synchronous and belong on the ledger's own thread: see
:class:`waypoint.storage.ledger.thread.LedgerThread`.
"""

from __future__ import annotations

from waypoint.storage.ledger.cache import Cache
from waypoint.storage.ledger.collections import Collections
from waypoint.storage.ledger.contents import Contents
from waypoint.storage.ledger.documents import Documents
from waypoint.storage.ledger.jobs import Jobs
from waypoint.storage.ledger.quotas import Quotas
from waypoint.storage.ledger.runs import Runs
from waypoint.storage.ledger.texts import Texts
from waypoint.storage.ledger.walk import Walk


class SqliteLedger(Texts, Collections, Runs, Walk, Documents, Cache, Quotas, Contents, Jobs):
    """The whole ledger: each base is one noun over the same file.

    Raises:
        LedgerError: the file is damaged, or is newer than this Waypoint.
        StoreWriteError: the disk is full or the folder cannot be written.
    """
