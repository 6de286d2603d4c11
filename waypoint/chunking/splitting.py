"""Pieces of a section, cut by semantic-text-splitter where the text holds together least."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from waypoint.chunking.settings import ChunkingSettings
from waypoint.chunking.spans import Span, trim

_WINDOW_SIZES = 8
"""The splitter's time grows with the square of its input: it sees so many sizes at a time."""


class SectionSplitter:
    """Splits sections of one text. Spans are those of the text."""

    def __init__(self, text: str, *, markdown: bool, settings: ChunkingSettings) -> None:
        self._text = text
        self._splitter = MarkdownSplitter if markdown else TextSplitter
        self._settings = settings

    def split(self, section: Span) -> list[Span]:
        """The pieces of a trimmed section, in order, none longer than the settings' size.

        A tiny piece (a heading alone, mostly) begins the next one, which is cut shorter for it;
        the last one ends the one before if both fit.
        """
        pieces: list[Span] = []
        for piece in self._pieces(*section):
            # Trimmed, a piece may hold nothing but what overlaps with its neighbour.
            while pieces and piece[0] <= pieces[-1][0]:
                pieces.pop()
            if not pieces or piece[1] > pieces[-1][1]:
                pieces.append(piece)
        if len(pieces) > 1:
            (start, _), (last_start, end) = pieces[-2:]
            if end - last_start < self._settings.tiny and end - start <= self._settings.size:
                pieces[-2:] = [(start, end)]
        return pieces

    def _pieces(self, start: int, end: int) -> Iterator[Span]:
        size, tiny = self._settings.size, self._settings.tiny
        # The next piece begins at base; before start it is settled, from start on to be split.
        base = start
        while end - base > size:
            window = self._window(start, end, capacity=size - (start - base))
            for (piece_start, piece_end), (next_start, _) in pairwise(window):
                if piece_end - base > size:
                    start = piece_start  # once more, with less room
                    break
                if piece_end - base < tiny and next_start - base <= size // 2:
                    continue
                yield base, piece_end
                base = next_start
            else:
                start = window[-1][0]
        if base < end:
            yield base, end

    def _window(self, start: int, end: int, *, capacity: int) -> list[Span]:
        """Pieces from ``start`` on, and last one that only says where to go on."""
        window_end = min(end, start + _WINDOW_SIZES * self._settings.size)
        overlap = min(self._settings.overlap, capacity - 1)
        pieces = []
        # Its own trimming may let a piece begin before the one ahead of it, and then it panics.
        splitter = self._splitter(capacity, overlap, trim=False)
        for offset, piece in splitter.chunk_indices(self._text[start:window_end]):
            span = trim(self._text, start + offset, start + offset + len(piece))
            if span[0] < span[1]:
                pieces.append(span)
        if window_end == end:
            pieces.append((end, end))
        elif len(pieces) == 1:
            pieces.append(trim(self._text, pieces[0][1], end))
        # Else the last piece was cut by the window's end: it is split again from its start.
        return pieces
