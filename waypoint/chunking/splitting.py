"""Pieces of a section, cut by semantic-text-splitter where the text holds together least."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import pairwise

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from waypoint.chunking.blocks import BlockCutter, BlockMap
from waypoint.chunking.ruler import Ruler
from waypoint.chunking.settings import CHARACTERS, ChunkingSettings
from waypoint.chunking.spans import Piece, Span, trim

_WINDOW_SIZES = 8
"""The splitter's time grows with the square of its input: it sees so many sizes at a time."""


class SectionSplitter:
    """Splits sections of one text. Spans are those of the text."""

    def __init__(
        self, text: str, blocks: BlockMap, *, markdown: bool, settings: ChunkingSettings
    ) -> None:
        self._text = text
        self._blocks = blocks
        self._splitter = MarkdownSplitter if markdown else TextSplitter
        self._settings = settings
        self._ruler = Ruler(text, settings.unit)
        self._cutter = BlockCutter(text, self._ruler, settings)

    def split(self, section: Span) -> list[Piece]:
        """The pieces of a trimmed section, in order, none larger than the settings' size.

        A tiny piece (a heading alone, mostly) begins the next one, which is cut shorter for it,
        or ends the one before, if both fit.
        """
        pieces: list[Piece] = []
        for piece in self._pieces(*section):
            add_piece(pieces, piece)
            if len(pieces) > 1:
                self._join_tiny(pieces)
        return pieces

    def split_piece(self, piece: Piece) -> list[Piece]:
        """The pieces of a piece of larger settings."""
        if piece.header is None:
            return self.split((piece.start, piece.end))
        return list(self._cutter.cut(piece.start, piece.end, piece.header))

    def _join_tiny(self, pieces: list[Piece]) -> None:
        before, last = pieces[-2:]
        if (
            before.header is None
            and last.header is None
            and self._ruler.fits(last.start, last.end, self._settings.tiny - 1)
            and self._ruler.fits(before.start, last.end, self._settings.size)
        ):
            pieces[-2:] = [Piece(before.start, last.end)]

    def _pieces(self, start: int, end: int) -> Iterator[Piece]:
        fits, size = self._ruler.fits, self._settings.size
        # What is settled but not told yet lies from base to last.
        base = last = start
        for block, begin, stop in self._blocks.segments(start, end):
            whole = block is None or fits(begin, stop, size)
            if base < last and not fits(base, stop, size):
                # Prose may fill up what has room for half a chunk; a block is cut anyway, or not
                # at all, and then only something tiny is worth beginning with.
                most = size // 2 if block is None else self._settings.tiny - 1
                if (block is not None and whole) or not fits(base, last, most):
                    yield Piece(base, last)
                    base = last
            if base == last:
                base = begin
            if block is None:
                base = yield from self._prose(base, begin, stop)
            elif not fits(base, stop, size):
                yield from self._cutter.cut(base, stop, self._blocks.header(block))
                base = stop
            last = stop
        if base < last:
            yield Piece(base, last)

    def _prose(self, base: int, start: int, end: int) -> Generator[Piece, None, int]:
        """Tells all pieces of ``start`` to ``end`` but the last, and returns where that begins.

        What lies from ``base`` to ``start`` is settled, and begins the first piece.
        """
        fits, size, tiny = self._ruler.fits, self._settings.size, self._settings.tiny
        while not fits(base, end, size):
            carried = self._ruler.size(base, start)
            if carried >= size:
                # What is settled fits, but not with the white space behind it.
                yield Piece(base, trim(self._text, base, start)[1])
                base = start
                continue
            window = self._window(start, end, capacity=size - carried)
            for (piece_start, piece_end), (next_start, _) in pairwise(window):
                if base < piece_start and not fits(base, piece_end, size):
                    if piece_start == start:  # for this there is no room even so
                        yield Piece(base, trim(self._text, base, start)[1])
                        base = start
                    start = piece_start  # once more, with less room or with more
                    break
                if fits(base, piece_end, tiny - 1) and fits(base, next_start, size // 2):
                    continue
                yield Piece(base, piece_end)
                base = next_start
                if carried > tiny:
                    start = next_start
                    break
            else:
                start = window[-1][0]
        return base

    def _window(self, start: int, end: int, *, capacity: int) -> list[Span]:
        """Pieces from ``start`` on, and last one that only says where to go on."""
        length = _WINDOW_SIZES * self._ruler.stretch(start, self._settings.size)
        while True:
            window_end = min(end, start + length)
            pieces = self._split(start, window_end, capacity)
            if window_end == end:
                return [*pieces, (end, end)]
            if len(pieces) > 1:
                # The last piece was cut by the window's end: it is split again from its start.
                return pieces
            rest = trim(self._text, pieces[0][1], end)
            if rest[0] >= window_end or not self._ruler.fits(start, window_end, capacity):
                return [*pieces, rest]
            # What was looked at is much less dense than it began.
            length *= 2

    def _split(self, start: int, end: int, capacity: int) -> list[Span]:
        overlap = min(self._settings.overlap, capacity - 1)
        # Its own trimming may let a piece begin before the one ahead of it, and then it panics.
        if self._settings.unit == CHARACTERS:
            splitter = self._splitter(capacity, overlap, trim=False)
        else:
            measure = self._settings.unit.measure
            splitter = self._splitter.from_callback(measure, capacity, overlap, trim=False)
        pieces = []
        for offset, piece in splitter.chunk_indices(self._text[start:end]):
            span = trim(self._text, start + offset, start + offset + len(piece))
            if span[0] < span[1]:
                pieces.append(span)
        return pieces


def add_piece(pieces: list[Piece], piece: Piece) -> None:
    """Append a piece, dropping those that hold nothing but what overlaps with a neighbour."""
    # Trimmed, or cut further, a piece may hold nothing that another does not.
    while pieces and piece.start <= pieces[-1].start:
        pieces.pop()
    if not pieces or piece.end > pieces[-1].end:
        pieces.append(piece)
