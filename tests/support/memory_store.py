"""A vector store in memory: the shortest that keeps the contract of ``VectorStore``."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from waypoint.models import (
    Chunk,
    EmbeddingSpace,
    Metadata,
    MetadataValue,
    PackedChunks,
    Vector,
    Vectors,
)
from waypoint.observe.events import EventBus
from waypoint.settings import Settings
from waypoint.storage.lock import StoreLock
from waypoint.storage.port import (
    UNCOUNTED,
    CollectionState,
    Neighbour,
    StoredChunk,
    StoredRecords,
)
from waypoint.storage.stores import NoUpkeep, OpenedStore

PAGE = 1_000


@dataclass(slots=True)
class Row:
    source: str
    text: str
    metadata: dict[str, MetadataValue]
    vector: Vector


@dataclass(slots=True)
class _Collection:
    id: str
    metadata: Metadata
    rows: dict[str, Row] = field(default_factory=dict)


@dataclass(slots=True)
class MemoryCollections:
    """What several ``MemoryStore`` share, as connections share a server."""

    named: dict[str, _Collection] = field(default_factory=dict)
    packs: list[list[tuple[str, Row]]] = field(default_factory=list)


class MemoryStore:
    """A ``VectorStore``; with a ``name``, an empty collection of that name is open."""

    def __init__(self, collections: MemoryCollections | None = None, name: str = "") -> None:
        self._all = collections or MemoryCollections()
        self._name = name
        if name:
            self._all.named[name] = _Collection(secrets.token_hex(8), {})

    @property
    def rows(self) -> dict[str, Row]:
        """Of the open collection, by id."""
        return self._all.named[self._name].rows

    async def names(self) -> list[str]:
        return sorted(self._all.named)

    async def open(self, name: str) -> CollectionState | None:
        state = await self.find(name)
        return None if state is None else CollectionState(state.id, state.metadata, len(self.rows))

    async def find(self, name: str) -> CollectionState | None:
        found = self._all.named.get(name)
        self._name = name if found else ""
        return None if found is None else CollectionState(found.id, found.metadata, UNCOUNTED)

    def another(self) -> MemoryStore:
        return MemoryStore(self._all)

    async def create(
        self, name: str, space: EmbeddingSpace, metadata: Mapping[str, MetadataValue]
    ) -> CollectionState:
        made = self._all.named.setdefault(name, _Collection(secrets.token_hex(8), dict(metadata)))
        self._name = name
        return CollectionState(made.id, made.metadata, len(made.rows))

    async def drop(self, name: str) -> None:
        self._all.named.pop(name, None)

    async def rename(self, name: str) -> None:
        assert name not in self._all.named
        self._all.named[name] = self._all.named.pop(self._name)
        self._name = name

    async def set_metadata(self, metadata: Mapping[str, MetadataValue]) -> None:
        self._all.named[self._name].metadata = dict(metadata)

    async def count(self) -> int:
        return len(self.rows)

    def misfit(self, chunk: Chunk) -> str:
        return ""

    async def examine(self) -> None:
        """It is exact."""

    async def pack(self, chunks: Sequence[Chunk], vectors: Vectors) -> Sequence[PackedChunks]:
        rows = [
            (chunk.id, Row(chunk.source, chunk.text, dict(chunk.metadata), vector))
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]
        self._all.packs.append(rows)
        return [PackedChunks(str(len(self._all.packs) - 1).encode())]

    async def upsert(self, packed: Sequence[PackedChunks]) -> None:
        for number in packed:
            self.rows.update(self._all.packs[int(number)])

    async def update_metadata(
        self, metadata: Mapping[str, Mapping[str, MetadataValue | None]]
    ) -> None:
        for chunk_id, changes in metadata.items():
            own = self.rows[chunk_id].metadata
            for name, value in changes.items():
                if value is None:
                    own.pop(name, None)
                else:
                    own[name] = value

    async def delete(self, ids: Sequence[str]) -> None:
        for chunk_id in ids:
            self.rows.pop(chunk_id, None)

    async def metadata_of(self, ids: Sequence[str]) -> dict[str, Metadata]:
        return {each: dict(self.rows[each].metadata) for each in ids if each in self.rows}

    async def ids_of(self, source: str) -> list[str]:
        return [each for each, row in self.rows.items() if row.source == source]

    async def ids(self) -> AsyncIterator[list[str]]:
        names = list(self.rows)
        for start in range(0, len(names), PAGE):
            yield names[start : start + PAGE]

    async def stored_chunks(self) -> AsyncIterator[list[StoredChunk]]:
        async for ids in self.ids():
            rows = [(each, self.rows[each]) for each in ids]
            yield [StoredChunk(each, row.text, dict(row.metadata)) for each, row in rows]

    async def records(self, ids: Sequence[str], *, vectors: bool) -> StoredRecords:
        found = [each for each in ids if each in self.rows]
        rows = [self.rows[each] for each in found]
        matrix = np.array([row.vector for row in rows], np.float32) if vectors else None
        return StoredRecords(
            found, [row.text for row in rows], [dict(row.metadata) for row in rows], matrix
        )

    async def vectors(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        records = await self.records(ids, vectors=True)
        assert records.vectors is not None
        return list(records.ids), records.vectors

    async def nearest(
        self, vectors: Vectors, top: int, where: Mapping[str, Any] | None = None
    ) -> list[list[Neighbour]]:
        candidates = [
            (each, row)
            for each, row in self.rows.items()
            if all(row.metadata.get(name) == value for name, value in (where or {}).items())
        ]
        matrix = np.array([row.vector for _, row in candidates], np.float32)
        found = []
        for vector in vectors:
            distances = 1 - matrix @ vector
            order = np.argsort(distances, kind="stable")[:top]
            found.append(
                [
                    Neighbour(each, row.text, dict(row.metadata), float(distances[index]))
                    for index in order
                    for each, row in [candidates[index]]
                ]
            )
        return found


class MemoryStoreKind:
    """A ``StoreKind``: all that it opens are one store."""

    collections = MemoryCollections()

    def address(self, settings: Settings) -> str:
        return "memory"

    def files(self, folder: Path) -> list[Path]:
        return []

    @asynccontextmanager
    async def open(
        self, settings: Settings, lock: StoreLock, events: EventBus
    ) -> AsyncIterator[OpenedStore]:
        yield OpenedStore(MemoryStore(self.collections), NoUpkeep())

    @asynccontextmanager
    async def look(
        self, settings: Settings, lock: StoreLock | None, events: EventBus
    ) -> AsyncIterator[MemoryStore]:
        yield MemoryStore(self.collections)
