"""The documents that a walk met, on disk, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from waypoint.storage.temporary import open_temporary, temporary_database


class SeenSources:
    """A temporary database of its own, without a name.

    As a temporary table of the ledger's, one that cannot be written would keep SQLite from
    beginning any transaction: nothing that was answered could be committed any more.

    Raises:
        StoreWriteError: the temporary folder cannot be written or, ``DiskFullError``, is full.
    """

    def __init__(self) -> None:
        self._db = open_temporary("CREATE TABLE seen (source TEXT PRIMARY KEY) WITHOUT ROWID;")

    def add(self, sources: Iterable[str]) -> None:
        with temporary_database():
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR IGNORE INTO seen VALUES (?)", [(source,) for source in sources]
            )
            self._db.execute("COMMIT")

    def lacks(self, sources: Sequence[str]) -> list[str]:
        """Those that were not met; at most as many at once as SQLite takes parameters."""
        marks = ",".join("?" * len(sources))
        with temporary_database():
            query = f"SELECT source FROM seen WHERE source IN ({marks})"  # noqa: S608
            met = {source for (source,) in self._db.execute(query, sources)}
        return [source for source in sources if source not in met]

    def close(self) -> None:
        self._db.close()
