"""The chunker: document in, plan out."""

from __future__ import annotations

from waypoint.chunking.plan import ChunkPlan
from waypoint.chunking.sections import find_sections
from waypoint.chunking.settings import ChunkingSettings
from waypoint.chunking.splitting import SectionSplitter
from waypoint.models import Document


class Chunker:
    """Divides documents by one set of settings. Holds no state: threads may share it."""

    def __init__(self, settings: ChunkingSettings) -> None:
        self.settings = settings

    def plan(self, document: Document) -> ChunkPlan:
        """Where the document's chunks lie; none at all for a document without text.

        The chunks hold every character of the text but white space between them, each within
        the settings' size. The same text and settings always give the same chunks.
        """
        text, settings = document.text, self.settings
        markdown = document.format == "markdown"
        splitter = SectionSplitter(text, markdown=markdown, settings=settings)
        sections = find_sections(text, document.headings, tiny=settings.tiny, size=settings.size)
        return ChunkPlan(
            document, (span for section in sections for span in splitter.split(section))
        )
