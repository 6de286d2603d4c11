"""What a walk over the folder means: what is unchanged, and what has vanished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from waypoint.models import SourceFile
from waypoint.storage.ledger.file import KEYS_PER_QUERY, LedgerFile, in_scope, lies_in
from waypoint.storage.ledger.records import KnownDocument, Partition


def any_reader(_file: str) -> Sequence[str]:
    """For whoever does not ask which reader made a document."""
    return ("",)


class Walk(LedgerFile):
    """What is known of the files that a walk meets."""

    def partition_unchanged(
        self,
        collection: int,
        files: Sequence[SourceFile],
        readers_of: Callable[[str], Sequence[str]] = any_reader,
        reread: bool = False,
    ) -> Partition:
        """Find the files that may have changed.

        ``readers_of``: which readers may make a file's documents now; with ``reread``, those
        that another one made count as changed.

        A file has not if all its documents are complete, none is missing, and all were read from
        the version that is there now. Its documents count as seen: what is never seen has vanished.
        """
        with self._translated():
            known = self._known_files(collection, [file.source for file in files])
        outdated = {file for file, each in known.items() if each.is_outdated(readers_of(file))}
        changed = [
            file
            for file in files
            if not _unchanged(file, known.get(file.source)) or (reread and file.source in outdated)
        ]
        to_read = {file.source for file in changed}
        unchanged = [file.source for file in files if file.source not in to_read]
        self._mark_files_seen(collection, unchanged)
        warned = [file for file in unchanged if known[file].has_warnings]
        return Partition(
            changed,
            sum(known[file].documents for file in unchanged),
            self._warnings(collection, warned),
            sum(known[file].documents for file in unchanged if file in outdated),
            {file: known[file].documents for file in warned},
        )

    def _known_files(self, collection: int, files: Sequence[str]) -> dict[str, _KnownFile]:
        known = {}
        for some in _portions(files):
            query = f"""SELECT file, count(*), min(file_documents), max(file_documents),
                min(complete), min(version), max(version), max(warnings != ''),
                min(reader), max(reader), min(sidecars), max(sidecars) FROM documents
                WHERE collection_id = ? AND file IN ({_marks(some)}) GROUP BY file"""  # noqa: S608
            for file, *figures in self._db.execute(query, (collection, *some)):
                known[file] = _KnownFile(*figures)
        return known

    def _warnings(self, collection: int, files: Sequence[str]) -> dict[str, list[str]]:
        told = {}
        with self._translated():
            for some in _portions(files):
                query = f"""SELECT source, warnings FROM documents WHERE collection_id = ?
                    AND file IN ({_marks(some)}) AND warnings != ''"""  # noqa: S608
                for source, warnings in self._db.execute(query, (collection, *some)):
                    told[source] = orjson.loads(warnings)
        return told

    def _mark_files_seen(self, collection: int, files: Sequence[str]) -> None:
        for some in _portions(files):
            query = f"""SELECT source FROM documents
                WHERE collection_id = ? AND file IN ({_marks(some)})"""  # noqa: S608
            for sources in self._sources(query, collection, *some):
                self._seen.add(sources)

    def find_documents(self, collection: int, sources: Sequence[str]) -> dict[str, KnownDocument]:
        """What is known of those of the documents that are; all of them count as seen."""
        self.mark_seen(sources)
        return self.known_documents(collection, sources)

    def known_documents(self, collection: int, sources: Sequence[str]) -> dict[str, KnownDocument]:
        """What is known of those of the documents that are."""
        known = {}
        with self._translated():
            for some in _portions(sources):
                query = (
                    "SELECT source, digest, chunk_count, complete, reader, sidecar_digest"  # noqa: S608
                    f" FROM documents WHERE collection_id = ? AND source IN ({_marks(some)})"
                )
                for source, *figures in self._db.execute(query, (collection, *some)):
                    digest, count, complete, *further = figures
                    known[source] = KnownDocument(digest, count, bool(complete), *further)
        return known

    def readers(self, collection: int) -> set[str]:
        """Which readers made the documents."""
        query = "SELECT DISTINCT reader FROM documents WHERE collection_id = ?"
        with self._translated():
            return {reader for (reader,) in self._db.execute(query, (collection,))}

    def mark_seen(self, sources: Iterable[str]) -> None:
        """These documents exist, whether or not they can be ingested."""
        self._seen.add(sources)

    def mark_file_seen(self, collection: int, file: str) -> None:
        """This file exists, though it cannot be read: what is known of it stays."""
        self.mark_seen([file])
        # By their names, since one that is only started does not know its file: "$" comes next
        # after "#", and "0" after "/".
        query = """SELECT source FROM documents WHERE collection_id = ?1
            AND (source >= ?2 || '#' AND source < ?2 || '$'
                OR source >= ?2 || '/' AND source < ?2 || '0')"""
        for sources in self._sources(query, collection, file):
            self._seen.add(sources)

    def vanished(self, collection: int, scope: str, unreadable: Sequence[str]) -> list[str]:
        """Sources in the scope that were not seen, but for what lies in unreadable folders."""
        query = f"""SELECT source FROM documents
            WHERE collection_id = ?1 AND {in_scope("?2")} ORDER BY source"""  # noqa: S608
        return [
            source
            for sources in self._sources(query, collection, scope)
            for source in self._seen.lacks(sources)
            if not lies_in(source, unreadable)
        ]

    def document_count(self, collection: int, scope: str | None = None) -> int:
        """Documents in the scope, or all there are, complete or not."""
        with self._translated():
            row = self._db.execute(
                "SELECT count(*) FROM documents"  # noqa: S608
                f" WHERE collection_id = ?1 AND (?2 IS NULL OR {in_scope('?2')})",
                (collection, scope),
            ).fetchone()
        return int(row[0])


@dataclass(frozen=True, slots=True)
class _KnownFile:
    """The documents of a file, taken together."""

    documents: int
    fewest_siblings: int
    most_siblings: int
    complete: int
    first_version: str
    last_version: str
    has_warnings: int
    first_reader: str
    last_reader: str
    first_sidecars: str
    last_sidecars: str

    def is_outdated(self, readers: Sequence[str]) -> bool:
        """Whether another reader than these made any of the documents."""
        return not {self.first_reader, self.last_reader} <= set(readers)


def _unchanged(file: SourceFile, known: _KnownFile | None) -> bool:
    return (
        known is not None
        and bool(known.complete)
        and known.documents == known.fewest_siblings == known.most_siblings
        and known.first_version == file.version == known.last_version
        and known.first_sidecars == file.sidecar_version == known.last_sidecars
        and all(sidecar.version for sidecar in file.sidecars)
    )


def _portions(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), KEYS_PER_QUERY):
        yield names[start : start + KEYS_PER_QUERY]


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
