"""A ledger in memory: the shortest that keeps the contract of ``Ledger``, without a disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TypeVar

import numpy as np

from waypoint.errors import StoreWriteError
from waypoint.models import (
    FURTHER_ROOT,
    DayUse,
    Document,
    EmbeddingSpace,
    EstimatedQuota,
    SourceFile,
    TextKey,
    Vector,
    Vectors,
)
from waypoint.storage.ledger.records import (
    CachedCollection,
    CachedSpace,
    CompleteDocument,
    KnownDocument,
    KnownTexts,
    LastRun,
    LedgerCollection,
    LedgerDocument,
    LedgerReject,
    Partition,
    RejectedItem,
    Spending,
)
from waypoint.storage.ledger.room import CallRoom

T = TypeVar("T")

PAGE = 5_000


@dataclass(slots=True)
class _Document:
    """One of a collection; as long as it was only started, its source is its file."""

    id: int
    source: str
    file: SourceFile | None = None
    complete: bool = False
    digest: str = ""
    sidecar_digest: str = ""
    reader: str = ""
    siblings: int = 1
    warnings: tuple[str, ...] = ()
    chunks: dict[str, TextKey] = field(default_factory=dict)

    @property
    def file_source(self) -> str:
        return self.file.source if self.file else self.source

    def is_of(self, file: SourceFile) -> bool:
        """Whether it was read from this very version of its file."""
        own = self.file
        return (
            self.complete
            and own is not None
            and own.version == file.version
            and own.sidecars == file.sidecars
            and all(sidecar.version for sidecar in file.sidecars)
        )


@dataclass(slots=True)
class _Collection:
    entry: LedgerCollection
    unfinished: bool = False
    documents: dict[str, _Document] = field(default_factory=dict)
    rejects: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """By source and chunk id: reason and hint."""


@dataclass(slots=True)
class _Use:
    texts: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    calls: int = 0


class MemoryLedger:
    """A ``Ledger``."""

    closing: StoreWriteError | None = None
    batch = None

    def __init__(self) -> None:
        self._numbers = count(1)
        self._named: dict[str, _Collection] = {}
        self._vectors: dict[TextKey, Vector] = {}
        self._spaces: dict[TextKey, EmbeddingSpace] = {}
        self._refused: dict[TextKey, str] = {}
        self._runs: dict[str, tuple[LastRun, int]] = {}
        self._usage: dict[tuple[str, str, str], _Use] = {}
        self._quotas: dict[tuple[str, str], EstimatedQuota] = {}
        self._seen: set[str] = set()

    async def make_room(self, room: CallRoom) -> None:
        """There is."""

    # -- collections

    async def collection(self, name: str) -> LedgerCollection | None:
        return self._named[name].entry if name in self._named else None

    async def cached_collections(self) -> list[CachedCollection]:
        return [
            CachedCollection(
                name,
                each.entry.root,
                len(each.documents),
                sum(not document.complete for document in each.documents.values()),
                sum(len(document.chunks) for document in each.documents.values()),
                len(each.rejects),
                each.entry.selection,
            )
            for name, each in sorted(self._named.items())
        ]

    async def unfinished_collections(self) -> list[str]:
        return [
            name
            for name, each in sorted(self._named.items())
            if each.unfinished or not all(one.complete for one in each.documents.values())
        ]

    async def adopt_collection(
        self, name: str, *, store_id: str, generation: int, root: str, selection: str = ""
    ) -> LedgerCollection:
        found = self._named.get(name) or self._new(name)
        found.entry = replace(
            found.entry, store_id=store_id, generation=generation, root=root, selection=selection
        )
        self._make_incomplete(found)
        return found.entry

    async def clear_collection(self, name: str, root: str, selection: str = "") -> None:
        made = self._new(name)
        made.entry = replace(made.entry, root=root, selection=selection)
        made.unfinished = True

    async def set_generation(self, collection: int, generation: int) -> None:
        of = self._of(collection)
        of.entry = replace(of.entry, generation=generation)

    async def set_origin(
        self, collection: int, generation: int, root: str, selection: str, *, reread: bool
    ) -> None:
        of = self._of(collection)
        of.entry = replace(of.entry, generation=generation, root=root, selection=selection)
        if reread:
            self._make_incomplete(of)

    async def suspect_collections(self) -> None:
        for each in self._named.values():
            each.entry = replace(each.entry, suspect=True)

    async def trust_collection(self, collection: int) -> None:
        of = self._of(collection)
        of.entry = replace(of.entry, suspect=False)

    async def start_filling(self, collection: int) -> bool:
        of = self._of(collection)
        before, of.unfinished = of.unfinished, True
        return before

    async def chunk_count(self, collection: int) -> int | None:
        of = self._of(collection)
        if not all(document.complete for document in of.documents.values()):
            return None
        rejected = sum(chunk_id != "" for _, chunk_id in of.rejects)
        return sum(len(document.chunks) for document in of.documents.values()) - rejected

    async def uncommitted_chunks(self, collection: int) -> int:
        documents = self._of(collection).documents.values()
        return sum(key not in self._vectors for each in documents for key in each.chunks.values())

    # -- documents

    async def start_documents(self, collection: int, sources: Sequence[str]) -> None:
        for source in sources:
            self._document(collection, source).complete = False

    async def complete_documents(
        self, collection: int, documents: Sequence[CompleteDocument]
    ) -> None:
        for each in documents:
            document = each.document
            own = self._document(collection, document.source)
            own.complete, own.chunks = True, dict(each.chunks)
            own.digest, own.reader = document.digest, document.reader
            own.sidecar_digest = document.sidecar_digest
            self._note_reading(own, document, each.siblings)
            self._drop_rejects(collection, document.source)
            for chunk_id, reason in each.rejects.items():
                self._of(collection).rejects[document.source, chunk_id] = (reason, "")

    async def refresh_documents(
        self, collection: int, documents: Sequence[Document], siblings: Sequence[int] | None = None
    ) -> None:
        for document, of in zip(documents, siblings or [1] * len(documents), strict=True):
            self._note_reading(self._of(collection).documents[document.source], document, of)
        await self.clear_rejects(collection, [document.source for document in documents])

    async def forget_documents(self, collection: int, sources: Sequence[str]) -> None:
        for source in sources:
            self._of(collection).documents.pop(source, None)
            self._drop_rejects(collection, source)

    async def partition_unchanged(
        self,
        collection: int,
        files: Sequence[SourceFile],
        readers_of: Callable[[str], Sequence[str]] = lambda _: ("",),
        reread: bool = False,
    ) -> Partition:
        changed: list[SourceFile] = []
        unchanged: list[_Document] = []
        outdated = 0
        for file in files:
            documents = self._of_file(collection, file.source)
            older = any(each.reader not in readers_of(file.source) for each in documents)
            whole = bool(documents) and all(
                each.is_of(file) and each.siblings == len(documents) for each in documents
            )
            if not whole or (reread and older):
                changed.append(file)
                continue
            unchanged += documents
            outdated += len(documents) if older else 0
        self._seen.update(each.source for each in unchanged)
        warnings = {each.source: list(each.warnings) for each in unchanged if each.warnings}
        counts = Counter(each.file_source for each in unchanged)
        warned_files = {
            each.file_source: counts[each.file_source] for each in unchanged if each.warnings
        }
        return Partition(changed, len(unchanged), warnings, outdated, warned_files)

    async def find_documents(
        self, collection: int, sources: Sequence[str]
    ) -> dict[str, KnownDocument]:
        self._seen.update(sources)
        documents = self._of(collection).documents
        found = {source: documents[source] for source in sources if source in documents}
        return {
            source: KnownDocument(
                each.digest, len(each.chunks), each.complete, each.reader, each.sidecar_digest
            )
            for source, each in found.items()
        }

    async def mark_seen(self, sources: Iterable[str]) -> None:
        self._seen.update(sources)

    async def mark_file_seen(self, collection: int, file: str) -> None:
        self._seen.add(file)
        documents = self._of(collection).documents
        within = (f"{file}#", f"{file}/")
        self._seen.update(each for each in documents if each.startswith(within))

    async def vanished(self, collection: int, scope: str, unreadable: Sequence[str]) -> list[str]:
        return sorted(
            source
            for source in self._of(collection).documents
            if _in_scope(source, scope) and self._has_vanished(source, unreadable)
        )

    async def document_count(self, collection: int, scope: str | None = None) -> int:
        documents = self._of(collection).documents
        return sum(scope is None or _in_scope(source, scope) for source in documents)

    async def documents_page(self, collection: int, after: int) -> list[LedgerDocument]:
        page = []
        for each in self._of(collection).documents.values():
            file = each.file or SourceFile(each.source, Path(), 0, "")
            page.append(
                LedgerDocument(
                    each.id, each.source, each.complete, file.version, each.digest,
                    len(each.chunks), file.sidecar_version, each.sidecar_digest,
                )
            )  # fmt: skip
        return sorted((each for each in page if each.id > after), key=lambda one: one.id)[:PAGE]

    async def chunks_page(self, document: int, after: str) -> list[tuple[str, TextKey]]:
        for of in self._named.values():
            for each in of.documents.values():
                if each.id == document:
                    return sorted(pair for pair in each.chunks.items() if pair[0] > after)[:PAGE]
        return []

    # -- vectors

    async def known_texts(self, keys: Sequence[TextKey]) -> KnownTexts:
        refused = {key: self._refused[key] for key in keys if key in self._refused}
        committed = await self.committed_vectors(keys)
        return KnownTexts(committed, {k: v for k, v in refused.items() if k not in committed})

    async def committed_vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, Vector]:
        return {key: self._vectors[key] for key in keys if key in self._vectors}

    async def committed_keys(self, keys: Sequence[TextKey]) -> set[TextKey]:
        return {key for key in keys if key in self._vectors}

    async def raw_vectors(self, keys: Sequence[TextKey]) -> dict[TextKey, bytes]:
        found = await self.committed_vectors(keys)
        return {key: vector.astype("<f4").tobytes() for key, vector in found.items()}

    async def commit_vectors(
        self,
        space: EmbeddingSpace,
        keys: Sequence[TextKey],
        vectors: Vectors,
        *,
        tokens: int,
        cost_usd: float,
        day: str,
    ) -> None:
        await self.restore_vectors(space, dict(zip(keys, vectors, strict=True)))
        await self.count_lost(space, len(keys), tokens=tokens, cost_usd=cost_usd, day=day)

    async def count_lost(
        self, space: EmbeddingSpace, texts: int, *, tokens: int, cost_usd: float, day: str
    ) -> None:
        use = self._usage.setdefault((day, space.provider, space.model), _Use())
        use.texts, use.tokens = use.texts + texts, use.tokens + tokens
        use.cost_usd, use.calls = use.cost_usd + cost_usd, use.calls + 1

    async def restore_vectors(
        self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector]
    ) -> int:
        new = {key: np.array(one) for key, one in vectors.items() if key not in self._vectors}
        self._vectors |= new
        self._spaces |= dict.fromkeys(new, space)
        return len(new)

    async def replace_vectors(
        self, space: EmbeddingSpace, vectors: Mapping[TextKey, Vector | None]
    ) -> None:
        for key in vectors:
            self._vectors.pop(key, None)
        kept = {key: vector for key, vector in vectors.items() if vector is not None}
        await self.restore_vectors(space, kept)

    async def refuse_text(self, key: TextKey, reason: str) -> None:
        self._refused[key] = reason

    async def cached_spaces(self) -> list[CachedSpace]:
        counts: dict[EmbeddingSpace, list[int]] = {}
        held = self._held()
        for key in self._vectors:
            figures = counts.setdefault(self._spaces[key], [0, 0])
            figures[0] += 1
            figures[1] += key not in held
        return [
            CachedSpace(space.provider, space.model, space.dimensions, space.task_type, *figures)
            for space, figures in counts.items()
        ]

    async def cached_refusals(self) -> int:
        return len(self._refused)

    async def prune_unused(self) -> int:
        held = self._held()
        unused = self._vectors.keys() - held
        for key in unused:
            del self._vectors[key]
        for key in self._refused.keys() - held:
            del self._refused[key]
        return len(unused)

    def _held(self) -> set[TextKey]:
        """The texts that documents have."""
        every = [each for one in self._named.values() for each in one.documents.values()]
        return {key for each in every for key in each.chunks.values()}

    # -- rejects

    async def reject(self, collection: int, source: str, reason: str, hint: str = "") -> None:
        await self.reject_all(collection, [(source, reason, hint)])

    async def reject_all(self, collection: int, rejects: Sequence[tuple[str, str, str]]) -> None:
        of = self._of(collection)
        for source, reason, hint in rejects:
            of.rejects[source, ""] = (reason, hint)
            for each in of.documents.values():
                if source in (each.source, each.file_source):
                    each.file = each.file and replace(each.file, version="")

    async def clear_rejects(self, collection: int, files: Sequence[str]) -> None:
        for file in files:
            self._of(collection).rejects.pop((file, ""), None)

    async def clear_vanished_rejects(
        self, collection: int, scope: str, unreadable: Sequence[str] = ()
    ) -> None:
        of = self._of(collection)
        for source in {source for source, _ in of.rejects} - of.documents.keys():
            if _in_scope(source, scope) and self._has_vanished(source, unreadable):
                self._drop_rejects(collection, source)

    async def retry_rejects(self, name: str, scope: str) -> int:
        of = self._named.get(name)
        if of is None:
            return 0
        rejected = [(s, chunk) for s, chunk in of.rejects if chunk and _in_scope(s, scope)]
        keys = set()
        for source, chunk_id in rejected:
            if document := of.documents.get(source):
                document.complete = False
                keys.add(document.chunks.get(chunk_id))
        for key in self._refused.keys() - (self._held() - keys):
            del self._refused[key]
        return len(rejected)

    async def rejects_page(self, collection: int, after: tuple[str, str]) -> list[LedgerReject]:
        rejects = sorted(self._of(collection).rejects.items())
        return [LedgerReject(*at, said[0]) for at, said in rejects if at > after][:PAGE]

    async def read_rejects(self, read: Callable[[Iterator[RejectedItem]], T]) -> T:
        return read(
            RejectedItem(name, source, chunk_id, reason, hint)
            for name, of in sorted(self._named.items())
            for (source, chunk_id), (reason, hint) in sorted(of.rejects.items())
        )

    # -- runs

    async def start_run(self, run_id: str, most_in_flight: int, ended: Sequence[str] = ()) -> int:
        lost = 0
        self._seen.clear()
        for name, (run, most) in self._runs.items():
            if run.ended is None:
                self._runs[name] = replace(run, ended=run.started), most
                if name not in ended:
                    lost += most
                    await self.suspect_collections()
        self._runs[run_id] = LastRun(run_id, time.time(), None, False), most_in_flight
        return lost

    async def end_run(self, run_id: str, *, complete: bool, finished: int | None = None) -> None:
        run, most = self._runs[run_id]
        self._runs[run_id] = replace(run, ended=time.time(), complete=complete), most
        if finished is not None:
            self._of(finished).unfinished = False

    async def last_run(self) -> LastRun | None:
        return max(
            (run for run, _ in self._runs.values()), key=lambda run: run.started, default=None
        )

    async def spending(self) -> list[Spending]:
        sums: dict[tuple[str, str], _Use] = {}
        for (_, *model), use in self._usage.items():
            total = sums.setdefault((model[0], model[1]), _Use())
            total.texts, total.tokens = total.texts + use.texts, total.tokens + use.tokens
            total.cost_usd += use.cost_usd
        return [
            Spending(*model, use.texts, use.tokens, use.cost_usd)
            for model, use in sorted(sums.items())
        ]

    async def day_use(self, day: str, space: EmbeddingSpace) -> DayUse:
        use = self._usage.get((day, space.provider, space.model), _Use())
        return DayUse(use.texts, use.calls)

    async def keep_quota(self, space: EmbeddingSpace, estimated: EstimatedQuota) -> None:
        self._quotas[space.provider, space.model] = estimated

    async def estimated_quota(self, space: EmbeddingSpace) -> EstimatedQuota | None:
        return self._quotas.get((space.provider, space.model))

    # -- what they share

    def _new(self, name: str) -> _Collection:
        made = _Collection(LedgerCollection(next(self._numbers), name, "", 0, ""))
        self._named[name] = made
        return made

    def _of(self, collection: int) -> _Collection:
        return next(each for each in self._named.values() if each.entry.id == collection)

    def _document(self, collection: int, source: str) -> _Document:
        documents = self._of(collection).documents
        if source not in documents:
            documents[source] = _Document(next(self._numbers), source)
        return documents[source]

    def _of_file(self, collection: int, file: str) -> list[_Document]:
        documents = self._of(collection).documents.values()
        return [each for each in documents if each.file_source == file]

    def _note_reading(self, own: _Document, document: Document, siblings: int) -> None:
        own.file = document.file
        own.siblings, own.warnings = siblings, document.warnings

    def _make_incomplete(self, of: _Collection) -> None:
        for document in of.documents.values():
            document.complete = False

    def _drop_rejects(self, collection: int, source: str) -> None:
        rejects = self._of(collection).rejects
        for at in [at for at in rejects if at[0] == source]:
            del rejects[at]

    def _has_vanished(self, source: str, unreadable: Sequence[str]) -> bool:
        hidden = any(not folder or source.startswith(f"{folder}/") for folder in unreadable)
        return source not in self._seen and not hidden


def _in_scope(source: str, scope: str) -> bool:
    """The empty scope is the first root: it doesn't hold the sources of further ones."""
    return source.startswith(scope) and (scope != "" or not source.startswith(FURTHER_ROOT))


class MemoryLedgerKind:
    """A ``LedgerKind``: all that it opens are one ledger."""

    ledger = MemoryLedger()

    def exists(self, folder: Path) -> bool:
        return True

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[MemoryLedger]:
        yield self.ledger

    def files(self, folder: Path) -> list[Path]:
        return []

    def collections(self, folder: Path) -> list[str]:
        return []
