"""Where a document's chunks lie and what they are called, without their texts."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property

from waypoint.chunking.context import ContextHeaders
from waypoint.chunking.ids import ContentName
from waypoint.chunking.sections import HeadingTrail
from waypoint.chunking.spans import Piece
from waypoint.models import Chunk, ChunkSpan, Document, MetadataValue


class ChunkPlan:
    """All chunks of a document; their texts are cut out of it when they are asked for."""

    def __init__(
        self,
        document: Document,
        pieces: Iterable[Piece],
        contexts: ContextHeaders | None = None,
        *,
        split: int = 0,
    ) -> None:
        self.document = document
        self.split = split
        """Chunks that came of texts which the model would not have taken whole."""
        self._contexts = contexts or ContextHeaders("", (), wanted=False)
        self.spans = tuple(_named_spans(document, pieces, self._contexts))

    @property
    def count(self) -> int:
        return len(self.spans)

    @property
    def ids(self) -> list[str]:
        """In the order of the text; no two are equal."""
        return [span.id for span in self.spans]

    def chunks(self) -> list[Chunk]:
        """All of them, with their texts."""
        return [self.chunk(index) for index in range(self.count)]

    @cached_property
    def _trail(self) -> HeadingTrail:
        return HeadingTrail(self.document.headings)

    @cached_property
    def _shared(self) -> dict[str, MetadataValue]:
        """The metadata that all chunks have alike."""
        document = self.document
        return {
            **document.metadata,
            "source": document.source,
            "doc_id": document.doc_id,
            "title": document.title,
            "category": document.file.category,
            "chunk_count": self.count,
        }

    def chunk(self, index: int) -> Chunk:
        """The chunk at that place, from 0 on, with its text."""
        document, span = self.document, self.spans[index]
        text = Piece(span.start, span.end, span.header).text(document.text)
        place = self._trail.at(span.start)
        metadata: dict[str, MetadataValue] = {
            **self._shared,
            "section_header": place.section,
            "subsection_header": place.subsection,
            "heading_path": place.path,
            "chunk_index": index,
            "char_start": span.start,
            "char_end": span.end,
            "content_hash": hashlib.sha256(text.encode()).hexdigest(),
        }
        if document.pages:
            # What lies before the first page's first character belongs to it all the same.
            metadata["page"] = max(1, bisect_right(document.pages, span.start))
        if passed := bisect_right(document.places, span.start, key=lambda each: each.start):
            here = document.places[passed - 1]
            metadata[here.name] = here.value
        if span.header is not None:
            metadata["header_start"], metadata["header_end"] = span.header
        context = self._contexts.at(span.start)
        return Chunk(span.id, document.source, text, metadata, context)


def _named_spans(
    document: Document, pieces: Iterable[Piece], contexts: ContextHeaders
) -> Iterable[ChunkSpan]:
    seen: dict[bytes, int] = {}
    for piece in pieces:
        name = ContentName(document.source, piece.text(document.text), contexts.at(piece.start))
        occurrence = seen.get(name.digest, 0)
        seen[name.digest] = occurrence + 1
        chunk_id = f"{document.doc_id}:{name.digits(occurrence)}"
        yield ChunkSpan(piece.start, piece.end, chunk_id, occurrence, piece.header)
