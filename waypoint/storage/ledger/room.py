"""How much room on the disk the ledger needs for the answers of calls in flight."""

from __future__ import annotations

import resource
from dataclasses import dataclass

PAGE_SIZE = 16_384
"""Bytes. A vector of 768 dimensions takes 3 KB: pages of 4 KB would each waste a quarter."""
CHECKPOINT_PAGES = 1_000
"""Pages in the write-ahead log, SQLite's default, from which on they are copied to the file."""

HORIZON = 2_000
"""Texts that may be committed until the room is reckoned anew: the ledger's index grows."""

_FRAME = PAGE_SIZE + 24
_OTHER_PAGES = 8
"""Of one commit, beside vectors and leaves of the index: its inner pages, the day's use."""
_LEAVES_A_KEY = 4
"""A key that splits a full leaf has it, both its neighbours and a new one written."""
_KEYS_A_LEAF = 150
"""At least: 409 fit, and a leaf that was split is half full."""
_NOTE_PAGES = 64
"""For all that is noted at a run's end: refusals, the quota that was found, the end itself."""


@dataclass(frozen=True, slots=True)
class CallRoom:
    """What the ledger is to have room for: so many calls, each of so many texts."""

    calls: int
    texts: int
    dimensions: int

    def of_a_call(self, rows: int) -> int:
        """Bytes of one commit where the ledger holds so many vectors.

        Text keys are hashes: each may lie in another leaf of their index.
        """
        vectors_a_page = max(1, PAGE_SIZE // (4 * self.dimensions + 128))
        leaves = (rows + HORIZON + self.calls * self.texts) // _KEYS_A_LEAF + _LEAVES_A_KEY
        pages = -(-self.texts // vectors_a_page) + 1 + min(_LEAVES_A_KEY * self.texts, leaves)
        return (pages + _OTHER_PAGES) * _FRAME

    def of_all(self, rows: int) -> int:
        """Bytes for all calls, and for the notes of the run's end."""
        return self.calls * self.of_a_call(rows) + _NOTE_PAGES * _FRAME

    def largest_file(self, rows: int, database: int, log: int) -> int:
        """Bytes that a file of the ledger may come to have until the room is reckoned anew.

        ``database``, ``log``: what the file and its write-ahead log have now.
        """
        all_of_it = self.of_all(rows)
        growth = HORIZON * (4 * self.dimensions + 128) + all_of_it
        return max(database + log + growth, max(log, CHECKPOINT_PAGES * _FRAME) + all_of_it)


def file_size_limit() -> int | None:
    """Bytes that this process may make a file have (``ulimit -f``); None for any number."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if limit == resource.RLIM_INFINITY else limit
