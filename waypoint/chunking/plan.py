"""Where a document's chunks lie and what they are called, without their texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property

from waypoint.chunking.sections import HeadingTrail
from waypoint.chunking.spans import Span
from waypoint.models import Chunk, ChunkSpan, Document, MetadataValue

_ID_DIGITS = 16


class ChunkPlan:
    """All chunks of a document; their texts are cut out of it when they are asked for."""

    def __init__(self, document: Document, spans: Iterable[Span]) -> None:
        self.document = document
        self.spans = tuple(_named_spans(document, spans))

    @property
    def count(self) -> int:
        return len(self.spans)

    @property
    def ids(self) -> list[str]:
        """In the order of the text; no two are equal."""
        return [span.id for span in self.spans]

    def chunks(self, start: int = 0, stop: int | None = None) -> list[Chunk]:
        """The chunks of indices ``start`` to ``stop``, as in a slice."""
        indices = range(self.count)[start:stop]
        return [self._chunk(index) for index in indices]

    @cached_property
    def _trail(self) -> HeadingTrail:
        return HeadingTrail(self.document.headings)

    def _chunk(self, index: int) -> Chunk:
        document, span = self.document, self.spans[index]
        text = document.text[span.start : span.end]
        section, subsection = self._trail.at(span.start)
        metadata: dict[str, MetadataValue] = {
            **document.metadata,
            "source": document.source,
            "doc_id": document.doc_id,
            "title": document.title,
            "category": document.file.category,
            "section_header": section,
            "subsection_header": subsection,
            "chunk_index": index,
            "chunk_count": self.count,
            "char_start": span.start,
            "char_end": span.end,
            "content_hash": hashlib.sha256(text.encode()).hexdigest(),
        }
        return Chunk(id=span.id, source=document.source, text=text, metadata=metadata)


def _named_spans(document: Document, spans: Iterable[Span]) -> Iterable[ChunkSpan]:
    seen: dict[bytes, int] = {}
    source = _length_prefixed(document.source.encode())
    for start, end in spans:
        text = _length_prefixed(document.text[start:end].encode())
        named = hashlib.sha256(source + text)
        occurrence = seen.get(named.digest(), 0)
        seen[named.digest()] = occurrence + 1
        named.update(_length_prefixed(str(occurrence).encode()))
        chunk_id = f"{document.doc_id}:{named.hexdigest()[:_ID_DIGITS]}"
        yield ChunkSpan(start, end, chunk_id, occurrence)


def _length_prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big") + data
