"""What a walk over the folder means: what is unchanged, and what has vanished."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from waypoint.models import SourceFile
from waypoint.storage.ledger.file import KEYS_PER_QUERY, LedgerFile

RACY_NS = 2_000_000_000
"""A file whose mtime lies this close before our reading may have been edited since without a
change of size or mtime: it is read again."""


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """What the ledger holds of a document from an earlier run."""

    digest: str
    chunk_count: int
    done: bool


class Walk(LedgerFile):
    """What is known of the files that a walk meets."""

    def sift(
        self, collection: int, files: Sequence[SourceFile]
    ) -> list[tuple[SourceFile, KnownDocument | None]]:
        """Those of the files that may have changed, each with what is known of it.

        All of them count as seen: what is never seen has vanished.
        """
        by_source = {file.source: file for file in files}
        changed: list[tuple[SourceFile, KnownDocument | None]] = []
        with self._translated():
            self.mark_seen(by_source)
            known = self._known(collection, list(by_source))
        for source, file in by_source.items():
            row = known.get(source)
            if row is None:
                changed.append((file, None))
                continue
            size, mtime_ns, ctime_ns, read_at_ns, digest, chunk_count, state = row
            same = (size, mtime_ns, ctime_ns) == (file.size, file.mtime_ns, file.ctime_ns)
            if state != "done" or not same or read_at_ns - file.mtime_ns < RACY_NS:
                changed.append((file, KnownDocument(digest, chunk_count, state == "done")))
        return changed

    def _known(
        self, collection: int, sources: Sequence[str]
    ) -> dict[str, tuple[int, int, int, int, str, int, str]]:
        known = {}
        for start in range(0, len(sources), KEYS_PER_QUERY):
            some = sources[start : start + KEYS_PER_QUERY]
            marks = ",".join("?" * len(some))
            query = (
                "SELECT source, size, mtime_ns, ctime_ns, read_at_ns, digest, chunk_count, state"  # noqa: S608
                f" FROM documents WHERE collection_id = ? AND source IN ({marks})"
            )
            for source, *rest in self._db.execute(query, (collection, *some)):
                known[source] = cast("tuple[int, int, int, int, str, int, str]", tuple(rest))
        return known

    def mark_seen(self, sources: Iterable[str]) -> None:
        """These sources exist, whether or not they can be ingested."""
        with self._translated():
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR IGNORE INTO seen VALUES (?)", [(source,) for source in sources]
            )
            self._db.execute("COMMIT")

    def vanished(self, collection: int, prefix: str, unreadable: Sequence[str]) -> list[str]:
        """Sources below ``prefix`` that were not seen, but for what lies in unreadable folders."""
        with self._translated():
            rows = self._db.execute(
                """SELECT source FROM documents
                WHERE collection_id = ? AND substr(source, 1, length(?)) = ?
                    AND source NOT IN (SELECT source FROM seen) ORDER BY source""",
                (collection, prefix, prefix),
            )
            return [
                source
                for (source,) in rows
                # The knowledge base itself is named by an empty string.
                if not any(not folder or source.startswith(f"{folder}/") for folder in unreadable)
            ]

    def document_count(self, collection: int, prefix: str = "") -> int:
        """Documents below ``prefix``, begun or done."""
        with self._translated():
            row = self._db.execute(
                "SELECT count(*) FROM documents"
                " WHERE collection_id = ? AND substr(source, 1, length(?)) = ?",
                (collection, prefix, prefix),
            ).fetchone()
        return int(row[0])
