"""Which runs came to an end of their own, and which were killed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from waypoint.storage.ledger.file import LedgerFile, with_ballast


class Runs(LedgerFile):
    """The runs."""

    def start_run(self, run_id: str, most_in_flight: int, ended: Sequence[str] = ()) -> int:
        """Note that a run begins; returns how many texts killed runs before it had in flight.

        Killed runs are told of once, and collections are suspect after them until each was seen
        to work.

        Args:
            most_in_flight: texts that may be in calls at once.
            ended: runs that came to an end of their own without being able to note it here.
        """
        with self._transaction() as db:
            db.executemany(
                "UPDATE runs SET ended = started WHERE ended IS NULL AND run_id = ?",
                [(each,) for each in ended],
            )
            lost = db.execute("SELECT sum(most_in_flight) FROM runs WHERE ended IS NULL").fetchone()
            if db.execute("UPDATE runs SET ended = started WHERE ended IS NULL").rowcount:
                db.execute("UPDATE collections SET suspect = 1")
            db.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, NULL, 0, ?)",
                (run_id, time.time(), most_in_flight),
            )
        return int(lost[0] or 0)

    @with_ballast
    def end_run(self, run_id: str, *, complete: bool, finished: int | None = None) -> None:
        """Note that a run came to an end of its own.

        Args:
            complete: neither stopped nor failed.
            finished: the collection of which nothing is left to be done.
        """
        with self._transaction() as db:
            db.execute("UPDATE collections SET unfinished = 0 WHERE id = ?", (finished,))
            db.execute(
                "UPDATE runs SET ended = ?, complete = ? WHERE run_id = ?",
                (time.time(), complete, run_id),
            )
