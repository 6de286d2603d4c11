"""A document's tables and blocks of code: where they lie, and how one too long is cut."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from semantic_text_splitter import TextSplitter

from waypoint.chunking.ruler import Ruler
from waypoint.chunking.settings import ChunkingSettings
from waypoint.chunking.spans import Piece, Span, trim
from waypoint.models import Block


class BlockMap:
    """The blocks of one text."""

    def __init__(self, text: str, blocks: Sequence[Block]) -> None:
        self._text = text
        self._blocks = blocks
        self._ends = [block.end for block in blocks]

    def segments(self, start: int, end: int) -> Iterator[tuple[Block | None, int, int]]:
        """What a span consists of: blocks, and None for what is between them. All trimmed."""
        for index in range(bisect_right(self._ends, start), len(self._blocks)):
            block = self._blocks[index]
            if block.start >= end:
                break
            yield from self._segment(None, start, block.start)
            yield from self._segment(block, max(start, block.start), min(end, block.end))
            start = min(end, block.end)
        yield from self._segment(None, start, end)

    def _segment(
        self, block: Block | None, start: int, end: int
    ) -> Iterator[tuple[Block | None, int, int]]:
        start, end = trim(self._text, start, max(start, end))
        if start < end:
            yield block, start, end

    def header(self, block: Block) -> Span | None:
        """The lines of a table's header, with their line end; None if it has none."""
        start, end = trim(self._text, block.start, block.header_end)
        if block.kind != "table" or start == end:
            return None
        line_end = self._text.find("\n", end, block.end)
        # A header that shares its line with a row could not be put before another row.
        if line_end < 0 or self._text[end:line_end].strip():
            return None
        return start, line_end + 1


class BlockCutter:
    """Cuts blocks at the ends of their lines; a line that is too long itself, inside."""

    def __init__(self, text: str, ruler: Ruler, settings: ChunkingSettings) -> None:
        self._text = text
        self._ruler = ruler
        self._settings = settings

    def cut(self, start: int, end: int, header: Span | None) -> Iterator[Piece]:
        """The pieces of a trimmed span, in order.

        Those that don't hold the header themselves are given it, unless it takes more than half
        of what a piece may hold.
        """
        size = self._settings.size
        repeated = header
        if header is not None and not self._ruler.fits(*header, size // 2):
            repeated = None
        while start < end:
            held = repeated is not None and start < repeated[1]
            before = None if held else repeated
            room = size if before is None else size - self._ruler.size(*before)
            if self._ruler.fits(start, end, room):
                yield Piece(start, end, before)
                return
            least = start
            if held and repeated is not None:
                # A header without a row says nothing.
                least = repeated[1]
                if self._is_in_the_way(start, repeated, end):
                    yield Piece(*trim(self._text, start, repeated[0]))
                    start = repeated[0]
                    continue
            cut = self._cut(start, least, end, room)
            yield Piece(*trim(self._text, start, cut), before)
            start = trim(self._text, cut, end)[0]

    def _is_in_the_way(self, start: int, header: Span, end: int) -> bool:
        """Whether a table's first row has no room only for what lies before the header."""
        line_end = self._text.find("\n", header[1], end)
        row_end = line_end if line_end >= 0 else end
        fits, size = self._ruler.fits, self._settings.size
        return not fits(start, row_end, size) and fits(header[0], row_end, size)

    def _cut(self, start: int, least: int, end: int, room: int) -> int:
        """Where the piece from ``start`` on ends: behind ``least`` and within ``room``."""
        reach = self._ruler.reach(start, end, room)
        if reach <= least:
            least = start
        at_line_end = self._last_line_end(least, reach)
        if at_line_end > least:
            return self._fair_line_end(least, at_line_end, end)
        # The splitter knows words, and characters made of several code points.
        splitter = TextSplitter(max(1, reach - least), trim=False)
        pieces = splitter.chunk_indices(self._text[least : max(reach + 1, 2 * reach - least)])
        return least + len(pieces[0][1])

    def _last_line_end(self, after: int, reach: int) -> int:
        """The offset of the last line end up to ``reach`` with words between; else ``after``."""
        found = self._text.rfind("\n", after, reach + 1)
        return found if found >= 0 and self._text[after:found].strip() else after

    def _fair_line_end(self, least: int, cut: int, end: int) -> int:
        """An earlier line end where else a tiny piece (a closing fence, mostly) would be left."""
        tiny = self._settings.tiny
        earlier = cut
        while earlier > least and self._ruler.fits(earlier, end, tiny - 1):
            earlier = self._last_line_end(least, earlier - 1)
        return earlier if earlier > least else cut
