"""The chunker: document in, plan out."""

from __future__ import annotations

from waypoint.chunking.blocks import BlockMap
from waypoint.chunking.context import ContextHeaders
from waypoint.chunking.limit import InputLimit, Limiter
from waypoint.chunking.plan import ChunkPlan
from waypoint.chunking.sections import find_sections
from waypoint.chunking.settings import ChunkingSettings
from waypoint.chunking.spans import Piece
from waypoint.chunking.splitting import SectionSplitter, add_piece
from waypoint.errors import DocumentRejectedError, described
from waypoint.models import Document


class Chunker:
    """Divides documents by one set of settings. Holds no state: threads may share it."""

    def __init__(self, settings: ChunkingSettings, limit: InputLimit | None = None) -> None:
        self.settings = settings
        self._limit = limit

    def plan(self, document: Document) -> ChunkPlan:
        """Where the document's chunks lie; none at all for a document without text.

        The chunks hold every character of the text but white space between them, each within
        the settings' size and within what the model takes. The same text and settings always
        give the same chunks.

        Raises:
            DocumentRejectedError: it cannot be cut: a bug, which costs this document alone.
        """
        try:
            return self._plan(document)
        except Exception as error:
            raise DocumentRejectedError(
                document.source,
                f"it cannot be cut into chunks: {described(error)}",
                hint="this is a bug in Waypoint: please report it, with the document if you may",
            ) from error

    def _plan(self, document: Document) -> ChunkPlan:
        text, settings = document.text, self.settings
        markdown = document.is_markdown
        blocks = BlockMap(text, document.blocks)
        contexts = ContextHeaders(
            document.title, document.headings, wanted=settings.context_headers
        )
        splitter = SectionSplitter(text, blocks, markdown=markdown, settings=settings)
        limiter = None
        if self._limit is not None:
            limiter = Limiter(
                text, blocks, contexts, self._limit, markdown=markdown, settings=settings
            )
        pieces: list[Piece] = []
        of_split: set[Piece] = set()
        apart = {place.start for place in document.places}
        # A chunk whose text is by OCR in part could be marked neither so nor so.
        edges = [place.start for place in document.places if place.name == "ocr"]
        for section in find_sections(text, document.headings, settings, apart, edges):
            for piece in splitter.split(section):
                parts = [piece] if limiter is None else limiter.split(piece)
                if len(parts) > 1:
                    of_split.update(parts)
                for part in parts:
                    add_piece(pieces, part)
        # Of parts that overlap with the next piece some may have been dropped.
        split = sum(piece in of_split for piece in pieces) if of_split else 0
        return ChunkPlan(document, pieces, contexts, split=split)
