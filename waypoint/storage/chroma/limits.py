"""What a call to Chroma and a record may hold: of a server, and of Chroma Cloud.

A server's are those of chromadb 1.5.9; the Cloud's are the quotas of its documentation
(docs.trychroma.com/cloud/quotas-limits, November 2026), which it raises upon request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from waypoint.errors import StoreWriteError, UsageError
from waypoint.models import Chunk, Metadata, MetadataValue


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """Bytes of UTF-8, but for the number of keys."""

    document: int
    id: int
    keys: int
    key: int
    value: int

    def misfit(self, chunk: Chunk) -> str:
        """Why a chunk cannot be a record; empty if it can."""
        size = len(chunk.text.encode())
        if size > self.document:
            return f"its text has {size:,} bytes, and {_CLOUD} takes {self.document:,}"
        size = len(chunk.id.encode())
        if size > self.id:
            return f"its id has {size:,} bytes, and {_CLOUD} takes {self.id:,}"
        if len(chunk.metadata) > self.keys:
            return f"it has {len(chunk.metadata):,} metadata fields, and {_CLOUD} takes {self.keys}"
        for key, value in chunk.metadata.items():
            size = len(key.encode())
            if size > self.key:
                return f"a name of its metadata has {size:,} bytes, and {_CLOUD} takes {self.key}"
            size = _bytes_of(value)
            if size > self.value:
                return f"its {key} has {size:,} bytes, and {_CLOUD} takes {self.value:,}"
        return ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one server."""

    rows: int
    """Records in one call that writes."""
    page: int
    """Records in one answer."""
    vector_page: int
    """Records in one answer that has their vectors."""
    record: RecordLimits | None = None
    collection_value: int | None = None
    """Bytes of a value of a collection's own metadata."""
    collection_keys: int = 0
    predicates: int | None = None
    """Conditions of one search."""

    def misfit(self, chunk: Chunk) -> str:
        """Why a chunk cannot be stored; empty if it can."""
        return self.record.misfit(chunk) if self.record else ""

    def check_conditions(self, where: Mapping[str, Any] | None) -> None:
        """Raise UsageError for a search with more conditions than are taken."""
        count = _predicates(where or {})
        if self.predicates is not None and count > self.predicates:
            raise UsageError(
                f"{count} conditions, and {_CLOUD} takes {self.predicates} in one search",
                hint="give fewer of them with --where",
            )

    def divided(self, metadata: Mapping[str, MetadataValue]) -> dict[str, MetadataValue]:
        """A collection's metadata with values that are too long in parts: ``name``, ``name.1``…

        Raises:
            StoreWriteError: there are too many of them.
        """
        if self.collection_value is None:
            return dict(metadata)
        divided: dict[str, MetadataValue] = {}
        for name, value in metadata.items():
            if isinstance(value, str):
                parts = _parts(value, self.collection_value)
                divided |= {f"{name}.{n}" if n else name: part for n, part in enumerate(parts)}
            else:
                divided[name] = value
        if len(divided) > self.collection_keys:
            raise StoreWriteError(
                "what is kept with the collection of its folders, and of what is left out there, "
                f"is more than {_CLOUD} takes",
                hint="give shorter --include and --exclude patterns, or leave out by a "
                ".waypointignore file, which stays in the folder",
            )
        return divided


_CLOUD = "Chroma Cloud"

OF_A_SERVER = Limits(rows=5_000, page=5_000, vector_page=1_000)
"""More than 5,461 rows are refused; from 32,766 ids on, it fails with ``too many SQL variables``.
1,000 records with vectors of 768 dimensions are about 5 MB."""

OF_THE_CLOUD = Limits(
    rows=300,
    page=300,
    vector_page=300,
    record=RecordLimits(document=16_384, id=128, keys=32, key=36, value=4_096),
    collection_value=256,
    collection_keys=32,
    predicates=8,
)


def joined(metadata: Metadata) -> dict[str, MetadataValue]:
    """What ``divided`` was given."""
    whole: dict[str, MetadataValue] = {}
    for name, value in metadata.items():
        first, _, number = name.rpartition(".")
        if not (number.isdecimal() and first in metadata):
            parts = [value]
            while isinstance(part := metadata.get(f"{name}.{len(parts)}"), str):
                parts.append(part)
            whole[name] = "".join(map(str, parts)) if len(parts) > 1 else value
    return whole


def _parts(value: str, most: int) -> list[str]:
    """Of at most so many bytes each; one for an empty value."""
    data, parts = value.encode(), []
    while len(data) > most:
        part = data[:most].decode(errors="ignore")
        parts.append(part)
        data = data[len(part.encode()) :]
    return [*parts, data.decode()]


def _bytes_of(value: MetadataValue) -> int:
    return len(value.encode()) if isinstance(value, str) else len(orjson.dumps(value))


def _predicates(where: Mapping[str, Any]) -> int:
    inner = [each for name in ("$and", "$or") for each in where.get(name, ())]
    own = len(where) - sum(name in where for name in ("$and", "$or"))
    return own + sum(map(_predicates, inner))
