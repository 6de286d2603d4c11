"""Keeping what is embedded within what the model takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from waypoint.chunking.blocks import BlockMap
from waypoint.chunking.context import ContextHeaders
from waypoint.chunking.settings import ChunkingSettings, SizeUnit
from waypoint.chunking.spans import Piece
from waypoint.chunking.splitting import SectionSplitter


class Embedded(Protocol):
    """How a chunk's text becomes what is sent."""

    def __call__(self, text: str, *, context: str) -> str: ...


@dataclass(frozen=True, slots=True)
class InputLimit:
    """What the model takes; the service cuts longer texts silently."""

    size: int
    unit: SizeUnit
    """Counts cautiously: what is within ``size`` is taken whole."""
    embedded: Embedded
    takes: Callable[[str], bool]
    """Whether a text, as it is sent, is sure to be taken whole; quick for short ones."""


class Limiter:
    """Splits those pieces of one text further that the model would not take whole."""

    def __init__(
        self,
        text: str,
        blocks: BlockMap,
        contexts: ContextHeaders,
        limit: InputLimit,
        *,
        markdown: bool,
        settings: ChunkingSettings,
    ) -> None:
        self._text = text
        self._blocks = blocks
        self._contexts = contexts
        self._limit = limit
        self._markdown = markdown
        self._settings = settings

    def split(self, piece: Piece) -> list[Piece]:
        """The piece alone, if the model takes it with its context; else pieces that it takes."""
        if self._takes(piece):
            return [piece]
        context = self._limit.embedded("", context=self._contexts.at(piece.start))
        return list(self._smaller(piece, self._limit.size - self._limit.unit.measure(context)))

    def _smaller(self, piece: Piece, size: int) -> Iterator[Piece]:
        # What is split here was meant to be one chunk: its parts do not overlap.
        settings = replace(self._settings, size=max(1, size), overlap=0, unit=self._limit.unit)
        splitter = SectionSplitter(
            self._text, self._blocks, markdown=self._markdown, settings=settings
        )
        for part in splitter.split_piece(piece):
            # Another heading may be in force in this part, and its context be longer.
            if size <= 1 or self._takes(part):
                yield part
            else:
                yield from self._smaller(part, size * 3 // 4)

    def _takes(self, piece: Piece) -> bool:
        context = self._contexts.at(piece.start)
        return self._limit.takes(self._limit.embedded(piece.text(self._text), context=context))
